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
  /** The state in memory, of a row that was folded here: whoever keeps the row need not load its state again. */
  readonly held?: HeldState | undefined;
}

/** A state that may be continued once: an accumulator continues only its newest state. */
interface HeldState {
  state: unknown;
}

/** Returns the row that the table shows, as JSON. Undefined: it shows none. */
export function shownRow(stored: StoredRow | undefined): string | undefined {
  return stored?.window?.isOpen === true ? undefined : stored?.row;
}

/** Rows before and after some events, by their ids. Undefined: there is no row any more. */
export interface RowChange {
  readonly before: ReadonlyMap<string, StoredRow>;
  readonly after: ReadonlyMap<string, StoredRow | undefined>;
  /** Returns the event that has changed a row last, where that is known. */
  readonly lastEventOf?: (id: string) => ReceivedEvent | undefined;
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
    try {
      if (windows === undefined && within === undefined) {
        given.push({ event, rows: bounded(table.read(event)) });
        continue;
      }
      if (time === undefined) throw new Error('a table with windows needs the time of its events: deploy its pipeline');
      const read = (): readonly KeyedEvent[] => bounded(table.read(event));
      const moment = time.momentOf(event);
      if (windows === undefined) {
        given.push({ event, rows: waitingRows(read(), moment) });
        continue;
      }
      const judged = judge(windows, event, { read, moment });
      if (judged.rejection !== undefined) rejections.push(judged.rejection);
      given.push({ event, rows: judged.rows });
    } catch (error) {
      rejections.push(rejectionBy(event, error));
    }
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
export interface Folded extends RowChange {
  readonly rejections: readonly Rejection[];
}

/** A state in memory. */
interface Kept {
  state: unknown;
  readonly eventKey: string;
  window: RowWindow | undefined;
  /** The event that has made it. */
  event: ReceivedEvent | undefined;
}

/** The rows while events are reduced. */
interface State {
  readonly table: Pick<Table, 'state' | 'sessions'>;
  readonly before: Map<string, StoredRow>;
  /** The rows that the events so far have changed. */
  readonly kept: Map<string, Kept | undefined>;
  /** The last events of rows that are no more. Of sessions, nobody asks for them. */
  readonly ended: Map<string, ReceivedEvent>;
  /** The ids of the sessions of a key, those that are no more included. */
  readonly groups: Map<string, Set<string>>;
  readonly sizeOf: (row: Kept | undefined) => number;
  /** About the bytes of the rows that the events have changed. */
  bytes: number;
}

/** An event that meets several rows, or sessions. */
interface Meeting extends State {
  readonly event: ReceivedEvent;
  /** The rows that the event changes: all of them are kept, or none. */
  readonly next: Map<string, Kept | undefined>;
}

/** Rows that are folded with some events after others. */
export interface Folding {
  /** Tells whether a row is known: it was read, or an event has made it. */
  knows(id: string): boolean;
  /** Adds rows as they were before the events that meet them. */
  addRows(rows: ReadonlyMap<string, StoredRow>): void;
  /** Reduces events in their order. Returns about how many bytes the changed states have in memory. */
  take(given: readonly Given[]): number;
  /** Returns what has become of all that was taken. */
  done(): Folded;
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
  const folding = openFolding(table);
  folding.addRows(before);
  folding.take(given);
  return folding.done();
}

/** Does the same for events that come one part after another. */
export function openFolding(table: Pick<Table, 'state' | 'sessions'>): Folding {
  const { sizeOf } = formOf(table);
  const state: State = {
    table,
    before: new Map(),
    kept: new Map(),
    ended: new Map(),
    groups: new Map(),
    sizeOf: (row) => (row === undefined ? 0 : (sizeOf?.(row.state) ?? 0)),
    bytes: 0,
  };
  const { before, kept, ended } = state;
  const rejections: Rejection[] = [];
  return {
    knows: (id) => kept.has(id) || before.has(id),
    addRows(rows) {
      for (const [id, row] of rows) {
        before.set(id, row);
        addToGroup(state, id, row);
      }
    },
    take(given) {
      const hasSessions = table.sessions !== undefined;
      for (const { event, rows } of given) {
        try {
          const [only] = rows;
          if (only !== undefined && rows.length === 1 && !hasSessions) meetOne(state, event, only);
          else meetAll(state, event, rows);
        } catch (error) {
          rejections.push(rejectionBy(event, error));
        }
      }
      return state.bytes;
    },
    done: () => ({
      before,
      after: storedRows(state),
      rejections,
      lastEventOf: (id) => kept.get(id)?.event ?? ended.get(id),
    }),
  };
}

function storedRows({ table, kept }: State): ReadonlyMap<string, StoredRow | undefined> {
  const { save, rowOf } = formOf(table);
  const holds = table.state !== undefined;
  const after = new Map<string, StoredRow | undefined>();
  for (const [id, row] of kept) {
    if (row === undefined) after.set(id, undefined);
    else {
      const { state, eventKey, window } = row;
      // The state alone: the event would keep its whole record in memory, as long as the row is kept.
      const held = holds ? { state } : undefined;
      after.set(id, { state: save(state), row: rowOf(state), eventKey, window, held });
    }
  }
  return after;
}

function addToGroup({ groups }: State, id: string, row: Pick<Kept | StoredRow, 'window'> | undefined): void {
  const group = row?.window?.group;
  if (group === undefined) return;
  const ids = groups.get(group);
  if (ids === undefined) groups.set(group, new Set([id]));
  else ids.add(id);
}

/** Reduces an event that meets one row: nothing has changed when that throws. Most events are such. */
function meetOne(folding: State, event: ReceivedEvent, row: Given['rows'][number]): void {
  const { id } = row;
  const met = current(folding, id);
  refuseOtherWriter(id, met, event);
  const next = reduced(row, met, event);
  if (next === undefined) {
    keep(folding, id, next);
    folding.ended.set(id, event);
  } else if (met?.event === undefined) keep(folding, id, next);
  else {
    // The row is among those that are kept already: it goes on in its place.
    folding.bytes += folding.sizeOf(next) - folding.sizeOf(met);
    met.state = next.state;
    met.window = next.window;
    met.event = event;
  }
}

/** Reduces an event into all of its rows, or into none. */
function meetAll(folding: State, event: ReceivedEvent, rows: Given['rows']): void {
  const meeting: Meeting = { ...folding, event, next: new Map() };
  for (const row of rows) meet(meeting, row);
  for (const [id, row] of meeting.next) keep(folding, id, row);
  if (folding.table.sessions === undefined)
    for (const [id, row] of meeting.next) if (row === undefined) folding.ended.set(id, event);
}

/** Notes a row after an event. */
function keep(folding: State, id: string, row: Kept | undefined): void {
  const { kept, sizeOf } = folding;
  folding.bytes += sizeOf(row) - sizeOf(kept.get(id));
  kept.set(id, row);
  addToGroup(folding, id, row);
}

function reduced(row: Given['rows'][number], met: Kept | undefined, event: ReceivedEvent): Kept | undefined {
  const state = row.reduce(met?.state);
  return state === undefined ? undefined : { state, eventKey: event.key, window: windowAfter(row, met), event };
}

function meet(meeting: Meeting, row: Given['rows'][number]): void {
  const { table, event, next } = meeting;
  if (table.sessions !== undefined && 'gap' in row) {
    meetSessions(meeting, row, table.sessions);
    return;
  }
  const met = next.has(row.id) ? next.get(row.id) : current(meeting, row.id);
  refuseOtherWriter(row.id, met, event);
  next.set(row.id, reduced(row, met, event));
}

function meetSessions(meeting: Meeting, row: WindowedRow, form: SessionForm): void {
  const { event, next, groups } = meeting;
  const spans = [...(groups.get(row.id) ?? [])].flatMap((id) => {
    const window = currentWindow(meeting, id);
    return window === undefined ? [] : [{ id, start: window.start, end: window.end }];
  });
  const near = touched(spans, row).flatMap((span): Session[] => {
    const session = meeting.next.has(span.id) ? meeting.next.get(span.id) : current(meeting, span.id);
    return session === undefined ? [] : [{ ...session, ...span }];
  });
  for (const session of near) refuseOtherWriter(session.id, session, event);
  const { replaced, id, state, start, end } = joined(row, near, form);
  for (const old of replaced) next.set(old, undefined);
  const window = { ...row.in, start, end, isOpen: end > row.lastClosed };
  if (state !== undefined) next.set(id, { state, eventKey: event.key, window, event });
}

/** Returns a row after the events that were reduced before. */
function current({ kept, before, table }: State, id: string): Kept | undefined {
  const known = kept.get(id);
  return known !== undefined || kept.has(id) ? known : loaded(table, before.get(id));
}

/** Returns the window of the same row, without loading its state. */
function currentWindow({ next, kept, before }: Meeting, id: string): RowWindow | undefined {
  if (next.has(id)) return next.get(id)?.window;
  return (kept.has(id) ? kept.get(id) : before.get(id))?.window;
}

function loaded({ state: form }: Pick<Table, 'state'>, stored: StoredRow | undefined): Kept | undefined {
  if (stored === undefined) return undefined;
  const { eventKey, window } = stored;
  return { state: stateOf(formOf({ state: form }), stored), eventKey, window, event: undefined };
}

function stateOf({ load }: Pick<StateForm, 'load'>, { state: text, held }: StoredRow): unknown {
  if (held === undefined || held.state === TAKEN) return load(text);
  const { state } = held;
  held.state = TAKEN;
  return state;
}

const TAKEN = Symbol('taken');

/** Makes the rejection of an event. Throws any error that is not the event's fault. */
export function rejectionBy(event: ReceivedEvent, error: unknown): Rejection {
  if (!(error instanceof EventRejected)) throw error;
  return rejectionOf(event, error);
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
