import { cutText } from '../../runtime/cut-text.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import type { RowEncoder, RowResult, Shape } from './row-encoder.ts';
import type { RowRejection } from './row-rejection.ts';

/** What an event does to the row of its key: stores it, or deletes it; or to all rows. */
type Change = 'stored' | 'deleted' | 'emptied';

const CHANGES: Readonly<Record<string, Change>> = {
  inserted: 'stored',
  updated: 'stored',
  deleted: 'deleted',
  truncated: 'emptied',
};

const UPDATED = '.updated';

/** The field of a change that has the row as it was, for those who want it. */
export const BEFORE = 'before';

/** How the events of a block are read. */
interface Reading {
  /** True when the events are changes of rows, false when each is a row. */
  readonly mirror: boolean;
  /** The shape of the open block, which a deletion takes. Undefined when none is open. */
  readonly shape: Shape | undefined;
}

/** Reads an event's row with the encoder. */
export function readRow(encoder: RowEncoder, event: ReceivedEvent, { mirror, shape }: Reading): RowResult {
  if (!mirror) return encoder.read(event.dataBytes);
  const change = changeOf(event);
  if (change === undefined) return { outcome: 'rejected', rejection: noChange(event) };
  if (change === 'deleted') return encoder.readDeletion(event.dataBytes, shape);
  return event.type.endsWith(UPDATED) ? encoder.readUpdate(event.dataBytes) : encoder.read(event.dataBytes);
}

/** The values of our own columns in a line of COPY: the ordinal and, in a mirror, whether the row is deleted. */
export function ownValues(ordinal: number, event: ReceivedEvent, mirror: boolean): string {
  return mirror ? `${ordinal}\t${changeOf(event) === 'deleted' ? 't' : 'f'}\t` : `${ordinal}\t`;
}

/** The last part of its type says what a change does (`orders.deleted`). */
export function changeOf({ type }: ReceivedEvent): Change | undefined {
  const point = type.lastIndexOf('.');
  return point === -1 ? undefined : CHANGES[type.slice(point + 1)];
}

/** True for a truncation, and for every other event that stands in every shard. */
export function concernsAllRows(event: ReceivedEvent, mirror: boolean): boolean {
  return event.parts !== undefined || (mirror && changeOf(event) === 'emptied');
}

const LONGEST_TYPE = 200;

export function noChange({ type }: ReceivedEvent): RowRejection {
  const shown = JSON.stringify(cutText(type, LONGEST_TYPE));
  return {
    code: '22023',
    message: `the type ${shown} is no change of a row: a mirror takes types that end with .inserted, .updated, .deleted or .truncated`,
    column: undefined,
  };
}
