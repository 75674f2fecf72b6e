import { cutText } from '../runtime/cut-text.ts';
import { EventRejected } from '../runtime/errors.ts';
import type { ReceivedEvent } from '../runtime/event.ts';
import { type Rejection, rejectionOf } from '../runtime/rejection.ts';
import type { SliceTime } from '../runtime/sink.ts';
import type { KeyedEvent, SessionForm, StateForm, Table } from '../runtime/table.ts';
import { joined, type Session, touched } from './fold-sessions.ts';
import { judge, type RowWindow, type WindowedRow } from './judge-windows.ts';
import { type WaitingRow, waitingRows } from './waiting-rows.ts';

/** A row as it is stored, with the key of the events that wrote it. */
export interface StoredRow {
  readonly state: string;
  /** The row as JSON: the state itself, unless the table has a form of state. Undefined: the table does not show it. */
  readonly row: string | undefined;
  readonly eventKey: string;
  /** Set in a table with windows. */
  readonly window?: RowWindow | undefined;
}

/** Returns the row that the table shows, as JSON. Undefined: it shows none. */
export function shownRow(stored: StoredRow | undefined): string | undefined {
  return stored?.window?.isOpen === true ? undefined : stored?.row;
}

/** Rows before and after some events, by their ids. Undefined: there is no row any more. */
export interface RowChange {
  readonly before: ReadonlyMap<string, StoredRow>;
  readonly after: ReadonlyMap<string, StoredRow | undefined>;
  /** The last event of each row that is there after them, where that is known. */
  readonly lastEvents?: ReadonlyMap<string, ReceivedEvent>;
}

/** An event, and what it does to rows: all of that, or nothing. */
export interface Given {
  readonly event: ReceivedEvent;
  readonly rows: readonly (KeyedEvent | WindowedRow | WaitingRow)[];
}

/** Without a form, the state is the row. */
const ROW: Omit<StateForm, 'shape'> = {
  load: (text) => text,
  save: (state) => state as string,
  rowOf: (state) => state as string,
  sizeOf: (state) => (state as string).length,
};

/** Returns how a table keeps its states. */
export const formOf = ({ state }: Pick<Table, 'state'>): Omit<StateForm, 'shape'> => state ?? ROW;

/**
 * Reads events for a table, in their order. Those that do not fit are rejected. In a table with windows, `time` tells
 * which of its windows each event has missed: of these the event has a rejection, and it counts in the others.
 */
export function readEvents(
  table: Pick<Table, 'read' | 'windows' | 'within'>,
  events: readonly ReceivedEvent[],
  time: SliceTime | undefined,
): { readonly given: readonly Given[]; readonly rejections: readonly Rejection[] } {
  const given: Given[] = [];
  const rejections: Rejection[] = [];
  const { windows, within } = table;
  for (const event of events) {
    const rejection = rejected(event, () => {
      const read = (): readonly KeyedEvent[] => bounded(table.read(event));
      if (windows === undefined && within === undefined) return given.push({ event, rows: read() });
      if (time === undefined) throw new Error('a table with windows needs the time of its events: deploy its pipeline');
      const moment = time.momentOf(event);
      if (windows === undefined) return given.push({ event, rows: waitingRows(read(), moment) });
      const judged = judge(windows, event, { read, moment });
      if (judged.rejection !== undefined) rejections.push(judged.rejection);
      return given.push({ event, rows: judged.rows });
    });
    if (rejection !== undefined) rejections.push(rejection);
  }
  return { given, rejections };
}

/** So many rows may one event change, each at most 128 KiB. */
export const MOST_ROWS = 1_000;

function bounded(rows: readonly KeyedEvent[]): readonly KeyedEvent[] {
  if (rows.length <= MOST_ROWS) return rows;
  throw new EventRejected(
    'too-large',
    `the event meets ${rows.length} rows, and an event may meet ${MOST_ROWS}: split it in a transform before the table`,
  );
}

/** The rows after some events. */
export interface Folded {
  /** Each row that the events met, by its id. Undefined: there is no row any more. */
  readonly after: ReadonlyMap<string, StoredRow | undefined>;
  readonly rejections: readonly Rejection[];
  readonly lastEvents?: ReadonlyMap<string, ReceivedEvent>;
}

/** A state in memory. */
interface Kept {
  readonly state: unknown;
  readonly eventKey: string;
  readonly window: RowWindow | undefined;
  /** The event that has made it. */
  readonly event?: ReceivedEvent;
}

/** The rows while events are reduced. */
interface Folding {
  readonly table: Pick<Table, 'state' | 'sessions'>;
  readonly before: ReadonlyMap<string, StoredRow>;
  /** The rows that the events so far have changed. */
  readonly kept: Map<string, Kept | undefined>;
  /** The ids of the sessions of a key, those that are no more included. */
  readonly groups: Map<string, Set<string>>;
}

/** An event that meets rows. */
interface Meeting extends Folding {
  readonly event: ReceivedEvent;
  /** The rows that the event changes: all of them are kept, or none. */
  readonly next: Map<string, Kept | undefined>;
}

/**
 * Reduces events in their order, from the rows before them. A row has one writer: the events with one key, whose order
 * the log keeps. An event with another key is rejected, because two shards could write the row at once.
 */
export function fold(
  table: Pick<Table, 'state' | 'sessions'>,
  given: readonly Given[],
  before: ReadonlyMap<string, StoredRow>,
): Folded {
  return foldWithin(table, given, { before, most: Number.POSITIVE_INFINITY }) as Folded;
}

/** Does the same. Returns undefined when the states of several events have more than so many bytes in memory. */
export function foldWithin(
  table: Pick<Table, 'state' | 'sessions'>,
  given: readonly Given[],
  { before, most }: Pick<RowChange, 'before'> & { readonly most: number },
): Folded | undefined {
  const { save, rowOf, sizeOf } = formOf(table);
  const sizeIn = (row: Kept | undefined): number => (row === undefined ? 0 : (sizeOf?.(row.state) ?? 0));
  let bytes = 0;
  const folding: Folding = { table, before, kept: new Map(), groups: new Map() };
  const { kept } = folding;
  for (const [id, row] of before) addToGroup(folding, id, row);
  const rejections: Rejection[] = [];
  for (const { event, rows } of given) {
    const meeting: Meeting = { ...folding, event, next: new Map() };
    const rejection = rejected(event, () => {
      for (const row of rows) meet(meeting, row);
    });
    if (rejection !== undefined) {
      rejections.push(rejection);
      continue;
    }
    for (const [id, row] of meeting.next) {
      bytes += sizeIn(row) - sizeIn(kept.get(id));
      kept.set(id, row);
      addToGroup(folding, id, row);
    }
    if (bytes > most && given.length > 1) return undefined;
  }
  const after = new Map<string, StoredRow | undefined>();
  for (const [id, row] of kept)
    after.set(id, row && { state: save(row.state), row: rowOf(row.state), eventKey: row.eventKey, window: row.window });
  if (table.state !== undefined) keepStates(kept, after);
  return { after, rejections, lastEvents: lastEventsOf(kept) };
}

function lastEventsOf(kept: ReadonlyMap<string, Kept | undefined>): ReadonlyMap<string, ReceivedEvent> {
  const last = new Map<string, ReceivedEvent>();
  for (const [id, row] of kept) if (row?.event !== undefined) last.set(id, row.event);
  return last;
}

function addToGroup({ groups }: Folding, id: string, row: Pick<Kept | StoredRow, 'window'> | undefined): void {
  const group = row?.window?.group;
  if (group === undefined) return;
  const ids = groups.get(group);
  if (ids === undefined) groups.set(group, new Set([id]));
  else ids.add(id);
}

function meet(meeting: Meeting, row: Given['rows'][number]): void {
  const { table, event, next } = meeting;
  if (table.sessions !== undefined && 'gap' in row) {
    meetSessions(meeting, row, table.sessions);
    return;
  }
  const met = current(meeting, row.id);
  refuseOtherWriter(row.id, met, event);
  const state = row.reduce(met?.state);
  const window = windowAfter(row, met);
  next.set(row.id, state === undefined ? undefined : { state, eventKey: event.key, window, event });
}

function meetSessions(meeting: Meeting, row: WindowedRow, form: SessionForm): void {
  const { event, next, groups } = meeting;
  const spans = [...(groups.get(row.id) ?? [])].flatMap((id) => {
    const window = currentWindow(meeting, id);
    return window === undefined ? [] : [{ id, start: window.start, end: window.end }];
  });
  const near = touched(spans, row).flatMap((span): Session[] => {
    const session = current(meeting, span.id);
    return session === undefined ? [] : [{ ...session, ...span }];
  });
  for (const session of near) refuseOtherWriter(session.id, session, event);
  const { replaced, id, state, start, end } = joined(row, near, form);
  for (const old of replaced) next.set(old, undefined);
  const window = { ...row.in, start, end, isOpen: end > row.lastClosed };
  if (state !== undefined) next.set(id, { state, eventKey: event.key, window, event });
}

/** Returns a row after all that has changed it so far. */
function current({ next, kept, before, table }: Meeting, id: string): Kept | undefined {
  if (next.has(id)) return next.get(id);
  return kept.has(id) ? kept.get(id) : loaded(table, before.get(id));
}

/** Returns the window of the same row, without loading its state. */
function currentWindow({ next, kept, before }: Meeting, id: string): RowWindow | undefined {
  if (next.has(id)) return next.get(id)?.window;
  return (kept.has(id) ? kept.get(id) : before.get(id))?.window;
}

function loaded({ state: form }: Pick<Table, 'state'>, stored: StoredRow | undefined): Kept | undefined {
  if (stored === undefined) return undefined;
  const { eventKey, window } = stored;
  return { state: stateOf(formOf({ state: form }), stored), eventKey, window };
}

/**
 * The states of rows that were folded here, so that whoever keeps such a row need not load its state again. An
 * accumulator continues a state once, so each is taken once.
 */
const statesOfRows = new WeakMap<StoredRow, { readonly state: unknown }>();

function keepStates(kept: ReadonlyMap<string, Kept | undefined>, after: Folded['after']): void {
  for (const [id, row] of kept) {
    const stored = after.get(id);
    // The state alone: the event would keep its whole record in memory, as long as the row is kept.
    if (row !== undefined && stored !== undefined) statesOfRows.set(stored, { state: row.state });
  }
}

function stateOf({ load }: Pick<StateForm, 'load'>, stored: StoredRow): unknown {
  const known = statesOfRows.get(stored);
  if (known === undefined) return load(stored.state);
  statesOfRows.delete(stored);
  return known.state;
}

/** Returns why an event is rejected, if some work throws `EventRejected`. */
export function rejected(event: ReceivedEvent, work: () => unknown): Rejection | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof EventRejected)) throw error;
    return rejectionOf(event, error);
  }
}

/** A window that has closed stays so, also when the grace period is longer by now. */
function windowAfter(row: Given['rows'][number], met: Kept | undefined): RowWindow | undefined {
  if (!('in' in row)) return undefined;
  return met?.window?.isOpen === false ? { ...row.in, isOpen: false } : row.in;
}

function refuseOtherWriter(id: string, row: Pick<Kept, 'eventKey'> | undefined, event: ReceivedEvent): void {
  if (row !== undefined && row.eventKey !== event.key) throw otherWriter(id, row, event);
}

function otherWriter(id: string, { eventKey }: Pick<Kept, 'eventKey'>, { key }: ReceivedEvent): EventRejected {
  return new EventRejected(
    'refused',
    `the row ${cutText(id, LONGEST_SHOWN)} is written by events with the key '${cutText(eventKey, LONGEST_SHOWN)}', and this event has the key '${cutText(key, LONGEST_SHOWN)}': key the stream so that all events of a row have the same key, by fields of the table's key`,
  );
}

const LONGEST_SHOWN = 200;
