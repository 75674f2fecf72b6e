import { z } from 'zod';
import { blamed, check } from './blame.ts';
import { cutText } from './cut-text.ts';
import { EventRejected, UserMistake } from './errors.ts';
import type { Event, ReceivedEvent } from './event.ts';
import type { TableWindows, Window, Windowing } from './windows.ts';

/**
 * A table as a pipeline names it and the runtime keeps it. `W` is the wire type of its events: what travels as JSON.
 */
export interface Table<in W = never, out Field extends string = string> {
  /** The URL of the module that exports `handler`: `import.meta.url` there. */
  readonly entry: string;
  readonly from: z.ZodType;
  /** The fields of the data that it looks at, where not all of `from`: of compiled SQL. */
  readonly reads?: readonly string[];
  /** The schema of a row, as JSON. Each of its fields is a column. */
  readonly row: z.ZodType;
  readonly key: readonly Field[];
  /** Set for a table with windows: one row for each key and window. */
  readonly windows?: TableWindows | undefined;
  /** Set where the events publish something themselves, and the change stream carries that: of a join. */
  readonly publishesEvents?: boolean;
  /** Set where a module has several tables: which one this is. */
  readonly part?: string;
  /** Set where the events have only what the state before was made of: a state of another shape is not made of them. */
  readonly isMadeOnce?: true;
  /**
   * Set for a join of two tables: the events of its stream have only the columns that the code read which re-keyed
   * them. `state.shape` lists these.
   */
  readonly isOfColumns?: true;
  /**
   * Set for a join whose outputs stay as they are when its state is made again: tells whether an event makes something
   * of the state. The others only publish.
   */
  makesState?(event: ReceivedEvent): boolean;
  /** Set for a join of two streams: its rows are events that wait for those that they meet. */
  readonly within?: WithinForm | undefined;
  /** Set for a table whose windows are sessions. */
  readonly sessions?: SessionForm | undefined;
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

/** What an event does to one row. */
export interface KeyedEvent {
  /** Stands for the values of the table's key: equal for all events of one row, and for no others. */
  readonly id: string;
  /**
   * The row's window, in a table with windows: `id` is of one window then. Which windows are open is not its affair. Of
   * a session it is the time of the event alone, and `id` is the same for all sessions of a key.
   */
  readonly window?: Window | undefined;
  /**
   * Makes the next state of the state before, and leaves that as it was; undefined stands for no row. Pure. Throws
   * `EventRejected` when the event cannot be reduced, or when no row can be made of the next state. `session` is the
   * time of the session that the event is in, with the event.
   */
  reduce(state: unknown, session?: Window): unknown;
  /** Set in a join of two streams. Without it, the event has no key, meets none and is not kept. */
  readonly pairing?: Pairing | undefined;
  /** Returns what the event publishes, once it is reduced. Undefined: nothing, but its row may have changed. */
  readonly published?: () => readonly PublishedEvent[];
  /** Set where the event publishes something of each of many other rows. It then meets no other row itself. */
  readonly spread?: Spread | undefined;
}

/**
 * What an event publishes of rows that it leaves as they are, however many there are: a transaction does as many as fit
 * into its page, and the row of the event keeps how far that was. Until all are done, the event comes again.
 */
export interface Spread {
  /** The ids that all of the rows lie between. */
  readonly above: string;
  readonly below: string;
  /** Returns the id that the rows still to come lie behind. Called once the event is reduced. */
  after(): string;
  /** Returns what to publish of a row, given its state. */
  publish(id: string, state: unknown): readonly PublishedEvent[];
  /** Returns the state of the event's own row, if the transaction ends behind the row with this id. */
  paused(after: string): unknown;
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

/** How an event of a join of two streams meets others. Its `window` is the time in which these are. */
export interface Pairing {
  /** Stands for the side and the key of the event, and of those that it may meet. */
  readonly group: string;
  readonly others: string;
  /** Tells whether the event meets another one, of whose row this is the JSON. */
  meets(row: string): boolean;
  /** Publishes the event with each of those that it meets. Throws `EventRejected` when that fails. */
  join(rows: readonly string[]): void;
  /** Tells, after `reduce`, whether the event comes out alone when it meets none. */
  comesAlone(): boolean;
}

/** The rows of a join of two streams. */
export interface WithinForm {
  /** Says what is kept of the events: rows with another text cannot be read. */
  readonly shape: string;
  /** How late an event may come. */
  readonly graceMillis: number;
  /** How long before the end of its window an event may be that comes out alone. Undefined: none does. */
  readonly aloneMillis: number | undefined;
  /** Returns what an event publishes that has met none, of the JSON of its row. */
  alone(row: string): readonly PublishedEvent[];
}

/**
 * Returns how far the time that a table passes on is behind its own: final rows are as late as their windows, and
 * events that come out alone as their time is long. In milliseconds.
 */
export function heldBackMillis({ windows, within }: Pick<Table, 'windows' | 'within'>): number {
  if (within?.aloneMillis !== undefined) return within.graceMillis + within.aloneMillis;
  return windows?.emit === 'final' ? windows.gapMillis + windows.graceMillis : 0;
}

/** How the states of two sessions become one. */
export interface SessionForm {
  /** Makes one state of two, the first of the earlier session. Pure, and throws `EventRejected` as `reduce` does. */
  merge(one: unknown, other: unknown): unknown;
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
  /**
   * Returns about how many bytes a state has in memory, with its row if that is made. Of a table that cannot tell, few
   * rows are in memory at once.
   */
  sizeOf?(state: unknown): number;
}

/**
 * Makes a table of a pure function. `reduce` uses no wall clock and no randomness, and calls nothing outside; its time
 * is the event's time.
 *
 * The event becomes a dead letter, and its row stays as it was, when its data does not fit `from`, when `reduce`
 * throws, or when the new row does not fit `row` or has another key than the event.
 */
export function defineTable<
  I,
  W,
  R,
  const K extends keyof I & keyof R & string,
  V extends Windowing = never,
>(definition: {
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
  /**
   * Keeps a row for each key and window (windows.ts). The window's `window_start` and `window_end` are columns beside
   * those of `row`, and belong to the key.
   */
  readonly window?: V;
  /** Makes one row of the rows of two sessions, the earlier one first. Sessions need it, other windows do not. */
  merge?(one: NoInfer<R>, other: NoInfer<R>): NoInfer<R>;
}): TypedTable<W, K, [V] extends [never] ? R : R & WindowColumns> {
  const { entry, from, row: schema, key, reduce, window: windowing, merge } = definition;
  const hasSessions = windowing?.windows.kind === 'session';
  if (hasSessions !== (merge !== undefined))
    throw new UserMistake(
      hasSessions
        ? 'an event between two sessions makes one of them: give the table a function merge(one, other)'
        : 'merge is for tables whose windows are sessions: remove it',
    );
  if (Object.prototype.toString.call(reduce) === '[object AsyncFunction]') throw new UserMistake(NOT_ASYNC);
  if (key.length === 0) throw new UserMistake('a table needs a key: name one field of the data at least');
  const twice = key.find((field, index) => key.indexOf(field) !== index);
  if (twice !== undefined) throw new UserMistake(`the key of a table names '${twice}' twice: name it once`);

  const reduced = (given: Event<I>, id: string, { before, window }: Meeting): string | undefined => {
    const row = before === undefined ? undefined : withoutWindow<R>(before, window);
    const made = blamed('reduce', () => reduce(row, given));
    if (made === undefined) return undefined;
    if (made instanceof Promise) throw noRow(made);
    check(schema, made, 'the row');
    return blamed('the row', () => rowText(made, { key, id, window }));
  };

  return {
    entry,
    from,
    row: (windowing === undefined ? schema : withWindowColumns(schema)) as never,
    // The window's columns are no fields of the event.
    key: windowing === undefined ? key : [...key, ...(WINDOW_KEY as never)],
    windows: windowing?.windows,
    sessions: merge && {
      merge: (one, other) => mergedText(schema, key, { merge, one: one as string, other: other as string }),
    },
    read(event) {
      const { id: ofEvent, source, type, time, key: eventKey, sequence, traceparent } = event;
      const data = check(from, event.data, 'the input');
      const given = { id: ofEvent, source, type, time, key: eventKey, sequence, traceparent, data };
      const id = blamed('the key', () => idOf(data, key, 'the input'));
      checkIdSize(id);
      const met =
        (window: Window | undefined) =>
        (row: unknown, session = window) =>
          reduced(given, id, { before: row as string | undefined, window: session });
      if (windowing === undefined) return [{ id, reduce: met(undefined) }];
      return windowing.windowsOf(Date.parse(time)).map((window) => ({
        id: hasSessions ? id : JSON.stringify([id, iso(window.start)]),
        window,
        reduce: met(window),
      }));
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
const MOST_KEY_BYTES = 2_000;

/** Throws when an index cannot hold the id of a row. */
export function checkIdSize(id: string): void {
  if (Buffer.byteLength(id) <= MOST_KEY_BYTES) return;
  throw new EventRejected(
    'too-large',
    `the values of the table's key have more than ${MOST_KEY_BYTES} bytes together: choose a shorter key`,
  );
}

/** The most bytes of a row as JSON: the rows of some thousand events are in memory at once. */
export const MOST_ROW_BYTES = 128 * 1_024;

/** Throws when a row, or a state, has too many bytes. */
export function checkRowSize(bytes: number, what: 'row' | 'state' = 'row'): void {
  if (bytes <= MOST_ROW_BYTES) return;
  throw new EventRejected(
    'too-large',
    `the ${what} would have more than ${MOST_ROW_BYTES} bytes as JSON: keep less in it`,
  );
}

/** A row that an event meets: its JSON before the event, and its window. */
interface Meeting {
  readonly before: string | undefined;
  readonly window: Window | undefined;
}

/** The columns of a row's window, as times in RFC 3339. */
interface WindowColumns {
  readonly window_start: string;
  readonly window_end: string;
}

const WINDOW_START = 'window_start';
const WINDOW_END = 'window_end';
const WINDOW_KEY = [WINDOW_START];

/** Merges the rows of two sessions. The row that an event makes of the result gets the time of the whole session. */
function mergedText<R>(
  schema: z.ZodType<unknown, R>,
  key: readonly (keyof R & string)[],
  of: { merge(one: R, other: R): R; readonly one: string; readonly other: string },
): string {
  const [one, other] = [of.one, of.other].map((text) => withoutWindow<R>(text, NO_WINDOW)) as [R, R];
  const made = blamed('merge', () => of.merge(one, other));
  check(schema, made, 'the row');
  return blamed('the row', () => rowText(made, { key, id: idOf(one, key, 'the row'), window: NO_WINDOW }));
}

const NO_WINDOW: Window = { start: 0, end: 0 };

function withWindowColumns(schema: z.ZodType): z.ZodType {
  if (!(schema instanceof z.ZodObject))
    throw new UserMistake('the row of a table with windows is an object: use z.object({ … })');
  const taken = [WINDOW_START, WINDOW_END].find((column) => column in schema.shape);
  if (taken !== undefined)
    throw new UserMistake(`the row has a field '${taken}', which a table with windows adds by itself: remove it`);
  const time = z.iso.datetime();
  return schema.extend({ [WINDOW_START]: time, [WINDOW_END]: time });
}

/** Returns a row as `reduce` made it. */
function withoutWindow<R>(text: string, window: Window | undefined): R {
  const row = JSON.parse(text) as Record<string, unknown>;
  if (window === undefined) return row as R;
  const { [WINDOW_START]: _start, [WINDOW_END]: _end, ...own } = row;
  return own as R;
}

function iso(millis: number): string {
  return new Date(millis).toISOString();
}

/** Writes a row as JSON, after a check that its key is the event's. */
function rowText<R>(
  row: R,
  { key, id, window }: Pick<Meeting, 'window'> & { readonly key: readonly (keyof R & string)[]; readonly id: string },
): string {
  const made = idOf(row, key, 'the row');
  if (made !== id)
    throw new EventRejected(
      'transform',
      `the row has the key ${cutText(made, LONGEST_SHOWN)}, and its event ${cutText(id, LONGEST_SHOWN)}: reduce must keep ${key.join(', ')}`,
    );
  const whole =
    window === undefined ? row : { ...row, [WINDOW_START]: iso(window.start), [WINDOW_END]: iso(window.end) };
  const text = JSON.stringify(whole);
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
