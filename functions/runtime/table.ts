import type { z } from 'zod';
import { blamed, check } from './blame.ts';
import { cutText } from './cut-text.ts';
import { EventRejected, UserMistake } from './errors.ts';
import type { Event, ReceivedEvent } from './event.ts';

/**
 * A table as a pipeline names it and the runtime keeps it. `W` is the wire type of its events: what travels as JSON.
 */
export interface Table<in W = never, out Field extends string = string> {
  /** The URL of the module that exports `handler`: `import.meta.url` there. */
  readonly entry: string;
  readonly from: z.ZodType;
  /** The schema of a row, as JSON. Each of its fields is a column. */
  readonly row: z.ZodType;
  readonly key: readonly Field[];
  /** Set for a table with windows: one row for each key and window. */
  readonly windows?: TableWindows | undefined;
  /** Set where the events publish something themselves, and the change stream carries that: of a join. */
  readonly publishesEvents?: boolean;
  /** Never set. Carries the type only, as in a transform. */
  readonly accepts?: (data: W) => void;
  /** What is kept of a row where that is not the row itself. Without it, the state of a row is its JSON. */
  readonly state?: StateForm | undefined;
  /**
   * Reads an event: what it does to each row that it meets, none or one or several. Either all of that happens or, when
   * one `reduce` throws, nothing. Throws `EventRejected` for an event that does not fit, or that has no key.
   */
  read(event: ReceivedEvent): readonly KeyedEvent[];
}

/** A table whose rows have a type, for whoever reads its changes. */
export interface TypedTable<in W, out Field extends string, R> extends Table<W, Field> {
  readonly row: z.ZodType<unknown, R>;
}

/** The windows of a table. Times are in milliseconds. */
export interface TableWindows {
  readonly kind: 'tumbling' | 'hopping' | 'session';
  /** Of a session: how long a key is silent before its session ends. 0 for other windows. */
  readonly gapMillis: number;
  /** How long after the end of a window its events may come. */
  readonly graceMillis: number;
  /** How long after its end a window is kept. At least as long as it takes events. */
  readonly retentionMillis: number;
  /** How far ahead of its arrival an event may be dated; 5 minutes by default. */
  readonly aheadMillis?: number | undefined;
  /** When a row's changes go into the change stream: with every change, or once, when the window closes. */
  readonly emit: 'changes' | 'final';
}

/** The time of one window, in milliseconds since 1970. Of a session: the times of its first and its last event. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** What an event does to one row. */
export interface KeyedEvent {
  /** Stands for the values of the table's key: equal for all events of one row, and for no others. */
  readonly id: string;
  /**
   * The row's window, in a table with windows: `id` is of one window then. Which windows are open is not its affair.
   */
  readonly window?: Window | undefined;
  /**
   * Makes the next state of the state before, and leaves that as it was; undefined stands for no row. Pure. Throws
   * `EventRejected` when the event cannot be reduced, or when no row can be made of the next state.
   */
  reduce(state: unknown): unknown;
  /** Returns what the event publishes, once it is reduced. Undefined: nothing, but its row may have changed. */
  readonly published?: () => readonly PublishedEvent[];
}

/** An event that another one publishes. */
export interface PublishedEvent {
  readonly type: string;
  readonly key: string;
  readonly time: string;
  readonly traceparent: string | undefined;
  /** The JSON of `data`: one value, in UTF-8. */
  readonly dataBytes: Uint8Array;
}

/** A state that is not the row: sums and counts, for example, of which a row is made. */
export interface StateForm {
  /** Says what the state is made of. A state with another text cannot be read. */
  readonly shape: string;
  /** Says the same for people, clause by clause: it names what has changed, and decides nothing. */
  readonly parts?: Readonly<Record<string, string>> | undefined;
  /**
   * Stands for how rows are made of states: with another text, the same state may have another row, or none. Undefined
   * where nothing tells that.
   */
  readonly shown?: string | undefined;
  load(text: string): unknown;
  save(state: unknown): string;
  /** Makes the row of a state that `reduce` or `load` gave, as JSON; undefined where the table does not show it. */
  rowOf(state: unknown): string | undefined;
}

/**
 * Makes a table of a pure function. `reduce` uses no wall clock and no randomness, and calls nothing outside; its time
 * is the event's time.
 *
 * The event becomes a dead letter, and its row stays as it was, when its data does not fit `from`, when `reduce`
 * throws, or when the new row does not fit `row` or has another key than the event.
 */
export function defineTable<I, W, R, const K extends keyof I & keyof R & string>(definition: {
  readonly entry: string;
  readonly from: z.ZodType<I, W>;
  /** The schema of a row: an object whose fields are the columns. */
  readonly row: z.ZodType<unknown, R>;
  /** Fields of the event's data that identify its row. They are columns of the row too, with the same values. */
  readonly key: readonly K[];
  /**
   * Makes the row after an event of the row before; `row` is undefined when there is none. `event.data` is what `from`
   * parsed. Return undefined to delete the row. Throw any error to make the event a dead letter.
   */
  reduce(row: NoInfer<R> | undefined, event: Event<I>): NoInfer<R> | undefined;
}): TypedTable<W, K, R> {
  const { entry, from, row: schema, key, reduce } = definition;
  if (Object.prototype.toString.call(reduce) === '[object AsyncFunction]') throw new UserMistake(NOT_ASYNC);
  if (key.length === 0) throw new UserMistake('a table needs a key: name one field of the data at least');
  const twice = key.find((field, index) => key.indexOf(field) !== index);
  if (twice !== undefined) throw new UserMistake(`the key of a table names '${twice}' twice: name it once`);

  const reduced = (given: Event<I>, id: string, before: string | undefined): string | undefined => {
    const row = before === undefined ? undefined : (JSON.parse(before) as R);
    const made = blamed('reduce', () => reduce(row, given));
    if (made === undefined) return undefined;
    if (made instanceof Promise) throw noRow(made);
    check(schema, made, 'the row');
    return blamed('the row', () => rowText(made, { key, id }));
  };

  return {
    entry,
    from,
    row: schema,
    key,
    read(event) {
      const { id: ofEvent, source, type, time, key: eventKey, sequence, traceparent } = event;
      const data = check(from, event.data, 'the input');
      const given = { id: ofEvent, source, type, time, key: eventKey, sequence, traceparent, data };
      const id = blamed('the key', () => idOf(data, key, 'the input'));
      checkIdSize(id);
      return [{ id, reduce: (row) => reduced(given, id, row as string | undefined) }];
    },
  };
}

const NOT_ASYNC =
  'reduce is async, and a table waits for nobody: compute the row from the row before and the event alone';

/** Nobody waits for the promise: without a handler, its failure would end the process. */
function noRow(made: Promise<unknown>): EventRejected {
  made.catch(() => undefined);
  return new EventRejected('transform', NOT_ASYNC);
}

/** An index of Postgres holds about 2,700 bytes of a row. */
export const MOST_KEY_BYTES = 2_000;

/** Throws when an index cannot hold the id of a row. */
export function checkIdSize(id: string): void {
  if (Buffer.byteLength(id) <= MOST_KEY_BYTES) return;
  throw new EventRejected(
    'too-large',
    `the values of the table's key have more than ${MOST_KEY_BYTES} bytes together: choose a shorter key`,
  );
}

/** The rows of some thousand events are in memory at once. */
export const MOST_ROW_BYTES = 128 * 1_024;

/** Throws when a row, or a state, has too many bytes. */
export function checkRowSize(bytes: number, what: 'row' | 'state' = 'row'): void {
  if (bytes <= MOST_ROW_BYTES) return;
  throw new EventRejected(
    'too-large',
    `the ${what} would have more than ${MOST_ROW_BYTES} bytes as JSON: keep less in it`,
  );
}

/** Writes a row as JSON, after a check that its key is the event's. */
function rowText<R>(row: R, { key, id }: { readonly key: readonly (keyof R & string)[]; readonly id: string }): string {
  const made = idOf(row, key, 'the row');
  if (made !== id)
    throw new EventRejected(
      'transform',
      `the row has the key ${cutText(made, LONGEST_SHOWN)}, and its event ${cutText(id, LONGEST_SHOWN)}: reduce must keep ${key.join(', ')}`,
    );
  const text = JSON.stringify(row);
  checkRowSize(Buffer.byteLength(text));
  return text;
}

function idOf<D>(data: D, key: readonly (keyof D & string)[], what: string): string {
  const values = key.map((field): unknown => data[field]);
  const missing = key.find((_, index) => values[index] === undefined);
  if (missing !== undefined) throw new EventRejected('schema', `${what} has no '${missing}', which is in the key`);
  return JSON.stringify(values);
}

const LONGEST_SHOWN = 200;
