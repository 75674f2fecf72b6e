import type { z } from 'zod';
import type { ReceivedEvent } from '../event.ts';
import { checkIdSize, checkRowSize, type KeyedEvent, MOST_ROW_BYTES, type StateForm, type Table } from '../table.ts';
import type { Window } from '../windows.ts';
import {
  type ColumnText,
  loadStates,
  resultsOf,
  type SavedStates,
  saveStates,
  startStates,
  type TakeRow,
  type UnsortedStatement,
} from './aggregates/grouped-statement.ts';
import { type Identity, joinedIdentity } from './aggregates/identity.ts';
import { isPlain, PLAIN_BYTES } from './aggregates/plain-inputs.ts';
import { createWriter } from './json/json-writer.ts';
import { createRow } from './row/row.ts';
import { blamedOn, runStatement, type Statement } from './sql-transform.ts';
import { microsOf, tableWindows, windowsAt } from './windows/table-windows.ts';
import { boundValues, rowTime } from './windows/window.ts';

/** A compiled `CREATE TABLE … AS SELECT`. */
export interface TableStatement extends UnsortedStatement {
  /** How the values of the group's key are written as Postgres's text, and read. */
  readonly keyColumns: readonly ColumnText[];
  /** Says what the states are made of: another text is another state. */
  readonly shape: string;
  /** The same for people, clause by clause. Modules of earlier versions have neither this nor `shown`. */
  readonly parts?: Readonly<Record<string, string>>;
  /** Stands for HAVING and what the columns show of a state. */
  readonly shown?: string;
  /** Whether a state has texts, lists or JSON, which each event may make larger. */
  readonly isGrowing: boolean;
  /**
   * Whether a row that could be made can still be made after events whose inputs are plain (plain-inputs.ts), as long
   * as there are not too many. Modules of earlier versions do not say it: then each event's row is made.
   */
  readonly staysWhole?: boolean;
}

/** A table whose SQL names its stream: a step that reads another stream does not compile. `row` is a row's schema. */
export interface SqlTable<From extends z.ZodType, Shown extends z.ZodType, S extends { readonly from: string }>
  extends Table<z.input<From>, never> {
  readonly row: Shown;
  readonly streams: S;
}

interface Definition<From, Shown, S> extends TableStatement {
  readonly entry: string;
  readonly streams: S;
  readonly from: From;
  readonly row: Shown;
  /** The columns that show the group's key. */
  readonly key: readonly string[];
}

/**
 * Makes a table of a compiled statement. Its state is what the aggregates keep of each group; HAVING decides which rows
 * it shows. An event for which an expression or an aggregate fails is rejected, and its groups stay as they were.
 */
export function sqlTable<From extends z.ZodType, Shown extends z.ZodType, const S extends { readonly from: string }>(
  definition: Definition<From, Shown, S>,
): SqlTable<From, Shown, S> {
  const { entry, streams, from, row, key, columns } = definition;
  return { entry, streams, from, reads: columns, row, key: key as readonly never[], ...keptBy(definition) };
}

/** A group in memory. */
interface Group {
  readonly key: readonly unknown[];
  readonly states: readonly unknown[];
  /** Its row, if that was made: null where HAVING hides it. */
  readonly row?: string | null;
  /** After so many more rows of plain inputs, its row can be made for certain. */
  readonly whole?: number;
  /** The bytes of a state that may grow. */
  readonly stateBytes?: number;
}

/** About the bytes of a state that has neither texts nor lists. */
const SMALL_STATE_BYTES = 200;

type Kept = Required<Pick<Table, 'read' | 'state'>> & Pick<Table, 'windows' | 'sessions'>;

/** Returns how a statement's groups are read, kept and shown. */
export function keptBy(statement: TableStatement): Kept {
  const frame = statement.window;
  const row = createRow(statement.columns);
  const writer = createWriter(4_096);
  const place = { at: '' };

  const attempt = <T>(work: () => T): T => {
    place.at = '';
    try {
      return work();
    } catch (error) {
      throw blamedOn(statement, place, error);
    }
  };

  /** Writes the row of a group. False: HAVING hides it. */
  const write = ({ key, states }: Group): boolean => {
    writer.length = 0;
    const results = resultsOf(statement, states);
    if (!statement.having(key, results, place)) return false;
    statement.write({ key, results }, place, { writer });
    return true;
  };

  const state: StateForm = {
    shape: statement.shape,
    parts: statement.parts,
    shown: statement.shown,
    load(text) {
      const [key, states] = JSON.parse(text) as [readonly (string | null)[], SavedStates];
      return {
        key: key.map((value, i) => (value === null ? null : statement.keyColumns[i]?.[1](value))),
        states: loadStates(statement, states),
      };
    },
    save(kept) {
      const { key, states } = kept as Group;
      const texts = key.map((value, i) => (value === null ? null : statement.keyColumns[i]?.[0](value as never)));
      return JSON.stringify([texts, saveStates(statement, states)]);
    },
    rowOf: (kept) => {
      const { row } = kept as Group;
      return (row === undefined ? attempt(() => rowOf(kept as Group)) : row) ?? undefined;
    },
    sizeOf: (kept) => {
      const { row, stateBytes = SMALL_STATE_BYTES } = kept as Group;
      return (row?.length ?? 0) + stateBytes;
    },
  };

  const rowOf = (group: Group): string | null =>
    write(group) ? writer.buffer.toString('utf8', 0, writer.length) : null;

  /** The row in the writer can be made again after so many more. Of one that HAVING hides nobody knows it. */
  const wholeAfter = (row: string | null): number =>
    row === null || statement.staysWhole !== true ? 0 : (MOST_ROW_BYTES - writer.length) / mostGrowth;
  const mostGrowth = PLAIN_BYTES * (statement.accumulators.length + 1);

  /**
   * A row that cannot be made is found now, not when a batch is written: the event that makes it is to blame. It is
   * made only where it could fail, and then kept.
   */
  const checked = (group: Group, before: Group | undefined, rows: Taken['rows']): Group => {
    const left = (before?.whole ?? 0) - rows.length;
    if (left > 0 && rows.every((inputs) => inputs.every(isPlain))) return { ...group, whole: left };
    const row = rowOf(group);
    const whole = wholeAfter(row);
    if (row !== null) checkRowSize(writer.length);
    if (!statement.isGrowing) return { ...group, row, whole };
    const stateBytes = Buffer.byteLength(state.save(group));
    checkRowSize(stateBytes, 'state');
    return { ...group, row, whole, stateBytes };
  };

  /** `bounds` are those of the window, which end the key: the session may have another start than before. */
  const added = (before: unknown, { key, rows }: Taken, bounds: readonly unknown[]): Group => {
    const group = before as Group | undefined;
    let states = group?.states ?? startStates(statement);
    for (const inputs of rows) states = statement.add(states, inputs, place);
    const known = group?.key ?? key;
    const whole = bounds.length === 0 ? known : [...known.slice(0, key.length), ...bounds];
    return checked({ key: whole, states }, group, rows);
  };

  const addedTo = (before: unknown, taken: Taken): Group => {
    place.at = '';
    try {
      return added(before, taken, NO_BOUNDS);
    } catch (error) {
      throw blamedOn(statement, place, error);
    }
  };

  const keyedEvents = (id: string, taken: Taken): readonly KeyedEvent[] => {
    if (frame === undefined) return [{ id, reduce: (before) => addedTo(before, taken) }];
    // All rows of an event have its time.
    return windowsAt(frame, rowTime(taken.rows[0] ?? [])).map((window) => ({
      id: frame.kind === 'session' ? id : idInWindow(id, window),
      window,
      reduce: (before, session = window) => attempt(() => added(before, taken, boundValues(microsOf(session)))),
    }));
  };

  /** The row is made when the event between the sessions is added. */
  const merge = (one: unknown, other: unknown): Group => {
    const [first, second] = [one as Group, other as Group];
    return attempt(() => ({ key: first.key, states: statement.merge?.(first.states, second.states, place) ?? [] }));
  };

  /** The groups of the event that is being read: the first one, which most events have alone, and all of several. */
  const alone: { first: (Taken & { readonly id: string }) | undefined } = { first: undefined };
  const groups = new Map<string, Taken>();
  const take: TakeRow = (identity, key, inputs) => {
    const id = idOf(identity, key.length);
    const { first } = alone;
    if (first === undefined) {
      alone.first = { id, key, rows: [inputs] };
      return;
    }
    if (groups.size === 0) groups.set(first.id, first);
    const known = groups.get(id);
    if (known === undefined) groups.set(id, { key, rows: [inputs] });
    else known.rows.push(inputs);
  };
  const collecting: Statement = { ...statement, select: (loaded, event) => statement.collect(loaded, event, take) };

  return {
    ...(frame === undefined ? {} : { windows: tableWindows(frame) }),
    ...(frame?.kind === 'session' ? { sessions: { merge } } : {}),
    state,
    read(event: ReceivedEvent): readonly KeyedEvent[] {
      alone.first = undefined as typeof alone.first;
      if (groups.size > 0) groups.clear();
      runStatement(collecting, { row, event, bytes: event.dataBytes, target: NO_TARGET });
      const { first } = alone;
      if (groups.size === 0) return first === undefined ? [] : keyedEvents(first.id, first);
      return [...groups].flatMap(([id, taken]) => keyedEvents(id, taken));
    },
  };
}

/** The rows of one event that belong to one group. */
interface Taken {
  readonly key: readonly unknown[];
  readonly rows: (readonly unknown[])[];
}

/** The start of the window follows the last blank of the text. */
function idInWindow(id: string, { start }: Window): string {
  const inWindow = `${id} ${start}`;
  checkIdSize(inWindow);
  return inWindow;
}

/** The identity of several values is joined already. Postgres stores no text with a zero or with half a character. */
function idOf(identity: Identity, values: number): string {
  const joined = values === 1 ? joinedIdentity([identity]) : String(identity);
  const id = joined.includes('\0') || !joined.isWellFormed() ? JSON.stringify(joined) : joined;
  checkIdSize(id);
  return id;
}

/** Without windows. */
const NO_BOUNDS: readonly unknown[] = [];

/** A table has no outputs: its statement takes rows. */
const NO_TARGET = { writer: createWriter(1), emit: () => undefined };
