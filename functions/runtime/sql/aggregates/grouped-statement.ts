import type { Row } from '../row/row.ts';
import type { EventAttributes, Statement, Target } from '../sql-transform.ts';
import type { WindowFrame } from '../windows/window.ts';
import type { Accumulator } from './accumulator.ts';
import type { Identity } from './identity.ts';
import type { Sorting } from './sorting.ts';

/** Where the code that runs is in the statement, for messages: `line:column`. */
type Place = Pick<Row, 'at'>;

/**
 * A compiled statement with GROUP BY or aggregates. `collect` splits an event into rows, each with the key of its group
 * and what the aggregates take of it. `add` then makes the next states of that group of its old ones, or throws
 * `SqlError` and changes nothing. Whoever keeps the states chooses where: in memory, or each as its `save`d columns.
 */
export interface GroupedStatement extends UnsortedStatement {
  /**
   * Adds an event of one row to states in memory, which it changes: a quicker `collect` and `add`. Throws `SqlError`
   * and changes nothing. Undefined for a statement whose events have several rows.
   */
  readonly addTo?: ((memory: GroupMemory, row: Row, event: EventAttributes) => void) | undefined;
  readonly accumulators: readonly Accumulator<unknown, readonly unknown[], unknown>[];
  /** Returns the values of ORDER BY. */
  readonly sortValues: (key: readonly unknown[], results: readonly unknown[], place: Place) => readonly unknown[];
  readonly sorting: readonly Sorting[];
  /** Returns the values of the key as Postgres's text. */
  readonly keyTexts: (key: readonly unknown[]) => readonly (string | null)[];
}

/** Where `addTo` finds the states of groups. */
export interface GroupMemory {
  /** Returns the states of a group, in the window of a time, or undefined where it has none yet. */
  readonly find: (identity: Identity, time: number) => unknown[] | undefined;
  /** Takes the first row of a group. */
  readonly take: TakeRow;
}

/** What a table keeps: a grouped statement without an order of its groups. */
export interface UnsortedStatement extends Omit<Statement, 'select'> {
  readonly collect: (row: Row, event: EventAttributes, take: TakeRow) => void;
  readonly accumulators: readonly AnyAccumulator[];
  /** For each aggregate, how the columns of its state are written as Postgres's text, and read. */
  readonly stateTexts: readonly (readonly ColumnText[])[];
  readonly add: (states: readonly unknown[], inputs: readonly unknown[], place: Place) => readonly unknown[];
  /**
   * With SESSION: makes one group's states of those of two sessions, of which the first is the earlier one. Throws
   * `SqlError`; it leaves both as they were.
   */
  readonly merge?: (states: readonly unknown[], others: readonly unknown[], place: Place) => readonly unknown[];
  /**
   * The windows of WINDOW. A group is then one of a key *and* a window: whoever keeps the states finds the windows in
   * which the time of a row lies, and appends the window's start and end to the key wherever a key is given back.
   */
  readonly window?: WindowFrame;
  /** Tests whether HAVING is true. It decides what is shown of a group, never what is kept. */
  readonly having: (key: readonly unknown[], results: readonly unknown[], place: Place) => boolean;
  /** Writes the group's output as a JSON object. */
  readonly write: (group: GroupResult, place: Place, target: Pick<Target, 'writer'>) => void;
}

/** An accumulator of any types. */
export interface AnyAccumulator {
  readonly start: () => unknown;
  readonly add: (state: never, ...args: never[]) => unknown;
  readonly result: (state: never) => unknown;
  readonly save: (state: never) => readonly unknown[];
  readonly load: (columns: readonly unknown[]) => unknown;
}

export type ColumnText = readonly [toText: (value: never) => string, fromText: (text: string) => unknown];

/**
 * Takes one row: the identity and the values of its group's key without the window, and the inputs of the aggregates.
 * With WINDOW the row's time follows the inputs: see `rowTime`.
 */
export type TakeRow = (identity: Identity, key: readonly unknown[], inputs: readonly unknown[]) => void;

export interface GroupResult {
  readonly key: readonly unknown[];
  readonly results: readonly unknown[];
}

/** Returns the states of a group that has no rows yet. */
export const startStates = ({ accumulators }: Pick<UnsortedStatement, 'accumulators'>): readonly unknown[] =>
  accumulators.map(({ start }) => start());

/** Returns the results of the aggregates. Throws `SqlError` if one has none. */
export const resultsOf = (
  { accumulators }: Pick<UnsortedStatement, 'accumulators'>,
  states: readonly unknown[],
): readonly unknown[] => accumulators.map(({ result }, i) => result(states[i] as never));

/** The columns of a group's states: for each aggregate one text or null per column. */
export type SavedStates = readonly (readonly (string | null)[])[];

type Saving = Pick<UnsortedStatement, 'accumulators' | 'stateTexts'>;

/** Returns the states of a group as the texts of columns, whose types are in the plan (`AggregateCall.state`). */
export const saveStates = ({ accumulators, stateTexts }: Saving, states: readonly unknown[]): SavedStates =>
  accumulators.map(({ save }, i) => {
    const texts = stateTexts[i] ?? [];
    return save(states[i] as never).map((value, j) =>
      value === null ? null : (texts[j]?.[0](value as never) ?? null),
    );
  });

/** Returns the states that were saved. */
export const loadStates = ({ accumulators, stateTexts }: Saving, saved: SavedStates): readonly unknown[] =>
  accumulators.map(({ load }, i) => {
    const texts = stateTexts[i] ?? [];
    return load((saved[i] ?? []).map((text, j) => (text === null ? null : texts[j]?.[1](text))));
  });
