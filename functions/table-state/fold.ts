import { cutText } from '../runtime/cut-text.ts';
import { EventRejected } from '../runtime/errors.ts';
import type { ReceivedEvent } from '../runtime/event.ts';
import { type Rejection, rejectionOf } from '../runtime/rejection.ts';
import type { KeyedEvent, Table } from '../runtime/table.ts';

/** A row as it is stored: as JSON, with the key of the events that wrote it. */
export interface StoredRow {
  readonly row: string;
  readonly eventKey: string;
}

/** An event, and what it does to its row. */
export interface Given extends KeyedEvent {
  readonly event: ReceivedEvent;
}

/** Reads events for a table, in their order. Those that do not fit are rejected. */
export function readEvents(
  table: Pick<Table, 'read'>,
  events: readonly ReceivedEvent[],
): { readonly given: readonly Given[]; readonly rejections: readonly Rejection[] } {
  const given: Given[] = [];
  const rejections: Rejection[] = [];
  for (const event of events) {
    const rejection = rejected(event, () => given.push({ event, ...table.read(event) }));
    if (rejection !== undefined) rejections.push(rejection);
  }
  return { given, rejections };
}

/** The rows after some events. */
export interface Folded {
  /** Each row that the events met, by its id. Undefined: there is no row any more. */
  readonly after: ReadonlyMap<string, StoredRow | undefined>;
  readonly rejections: readonly Rejection[];
}

/**
 * Reduces events in their order, from the rows before them. A row has one writer: the events with one key, whose order
 * the log keeps. An event with another key is rejected, because two shards could write the row at once.
 */
export function fold(given: readonly Given[], before: ReadonlyMap<string, StoredRow>): Folded {
  const after = new Map<string, StoredRow | undefined>();
  const rejections: Rejection[] = [];
  for (const { event, id, reduce } of given) {
    const rejection = rejected(event, () => {
      const stored = after.has(id) ? after.get(id) : before.get(id);
      if (stored !== undefined && stored.eventKey !== event.key) throw otherWriter(id, stored, event);
      const row = reduce(stored?.row);
      after.set(id, row === undefined ? undefined : { row, eventKey: event.key });
    });
    if (rejection !== undefined) rejections.push(rejection);
  }
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

function otherWriter(id: string, { eventKey }: StoredRow, { key }: ReceivedEvent): EventRejected {
  return new EventRejected(
    'refused',
    `the row ${cutText(id, LONGEST_SHOWN)} is written by events with the key '${cutText(eventKey, LONGEST_SHOWN)}', and this event has the key '${cutText(key, LONGEST_SHOWN)}': key the stream so that all events of a row have the same key, by fields of the table's key`,
  );
}

const LONGEST_SHOWN = 200;
