import { cutText } from '../runtime/cut-text.ts';
import { EventRejected } from '../runtime/errors.ts';
import type { ReceivedEvent } from '../runtime/event.ts';
import { type Rejection, rejectionOf } from '../runtime/rejection.ts';
import type { KeyedEvent, StateForm, Table } from '../runtime/table.ts';

/** A row as it is stored, with the key of the events that wrote it. */
export interface StoredRow {
  readonly state: string;
  /** The row as JSON: the state itself, unless the table has a form of state. Undefined: the table does not show it. */
  readonly row: string | undefined;
  readonly eventKey: string;
}

/** Rows before and after some events, by their ids. Undefined: there is no row any more. */
export interface RowChange {
  readonly before: ReadonlyMap<string, StoredRow>;
  readonly after: ReadonlyMap<string, StoredRow | undefined>;
}

/** An event, and what it does to rows: all of that, or nothing. */
export interface Given {
  readonly event: ReceivedEvent;
  readonly rows: readonly KeyedEvent[];
}

/** Without a form, the state is the row. */
const ROW: Omit<StateForm, 'shape'> = {
  load: (text) => text,
  save: (state) => state as string,
  rowOf: (state) => state as string,
};

/** Reads events for a table, in their order. Those that do not fit are rejected. */
export function readEvents(
  table: Pick<Table, 'read'>,
  events: readonly ReceivedEvent[],
): { readonly given: readonly Given[]; readonly rejections: readonly Rejection[] } {
  const given: Given[] = [];
  const rejections: Rejection[] = [];
  for (const event of events) {
    const rejection = rejected(event, () => given.push({ event, rows: bounded(table.read(event)) }));
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
}

/** A state in memory. */
interface Kept {
  readonly state: unknown;
  readonly eventKey: string;
}

/**
 * Reduces events in their order, from the rows before them. A row has one writer: the events with one key, whose order
 * the log keeps. An event with another key is rejected, because two shards could write the row at once.
 */
export function fold(
  table: Pick<Table, 'state'>,
  given: readonly Given[],
  before: ReadonlyMap<string, StoredRow>,
): Folded {
  const { load, save, rowOf } = table.state ?? ROW;
  const kept = new Map<string, Kept | undefined>();
  const rejections: Rejection[] = [];
  const loaded = (id: string): Kept | undefined => {
    const stored = before.get(id);
    return stored && { state: load(stored.state), eventKey: stored.eventKey };
  };
  for (const { event, rows } of given) {
    const next = new Map<string, Kept | undefined>();
    const current = (id: string): Kept | undefined => {
      if (next.has(id)) return next.get(id);
      return kept.has(id) ? kept.get(id) : loaded(id);
    };
    const rejection = rejected(event, () => {
      for (const { id, reduce } of rows) {
        const row = current(id);
        if (row !== undefined && row.eventKey !== event.key) throw otherWriter(id, row, event);
        const state = reduce(row?.state);
        next.set(id, state === undefined ? undefined : { state, eventKey: event.key });
      }
    });
    if (rejection !== undefined) rejections.push(rejection);
    else for (const [id, row] of next) kept.set(id, row);
  }
  const after = new Map<string, StoredRow | undefined>();
  for (const [id, row] of kept)
    after.set(id, row && { state: save(row.state), row: rowOf(row.state), eventKey: row.eventKey });
  return { after, rejections };
}

function rejected(event: ReceivedEvent, work: () => unknown): Rejection | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof EventRejected)) throw error;
    return rejectionOf(event, error);
  }
}

function otherWriter(id: string, { eventKey }: Kept, { key }: ReceivedEvent): EventRejected {
  return new EventRejected(
    'refused',
    `the row ${cutText(id, LONGEST_SHOWN)} is written by events with the key '${cutText(eventKey, LONGEST_SHOWN)}', and this event has the key '${cutText(key, LONGEST_SHOWN)}': key the stream so that all events of a row have the same key, by fields of the table's key`,
  );
}

const LONGEST_SHOWN = 200;
