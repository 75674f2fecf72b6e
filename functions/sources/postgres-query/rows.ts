import { EventRejected } from '../../runtime/errors.ts';
import { keyFrom, timeFrom } from '../../runtime/json/event-fields.ts';
import type { Checker } from '../../runtime/json/wire-schema.ts';
import { nestingFault } from '../../runtime/record-codec/json-scan.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import type { PulledEvent } from '../../runtime/source.ts';

/** What all rows of a source have in common. */
export interface RowsShape {
  readonly type: string;
  readonly key: string;
  readonly time: string | undefined;
  readonly check: Checker;
}

/** A row that the database has sent: its place, and its data as JSON. */
export interface SourceRow {
  readonly place: string;
  readonly data: string;
}

/**
 * Makes the events of rows. A row that does not fit the schema is a rejection. A row without a key has its place as its
 * key. `at` is the time of an event where no field has it.
 */
export function eventsOf(
  rows: readonly SourceRow[],
  shape: RowsShape,
  at: string,
): { readonly events: readonly PulledEvent[]; readonly rejections: readonly Rejection[] } {
  const events: PulledEvent[] = [];
  const rejections: Rejection[] = [];
  for (const row of rows) {
    const bytes = Buffer.from(row.data);
    try {
      events.push(eventOf(row, { bytes, shape, at }));
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      rejections.push({ at: row.place, reason: error.reason, message: error.message, bytes });
    }
  }
  return { events, rejections };
}

function eventOf(
  { place, data }: SourceRow,
  { bytes, shape, at }: { readonly bytes: Uint8Array; readonly shape: RowsShape; readonly at: string },
): PulledEvent {
  const tooDeep = nestingFault(bytes);
  if (tooDeep !== undefined) throw new EventRejected('undecodable', tooDeep);
  const value: unknown = JSON.parse(data);
  const wrong = shape.check(value);
  if (wrong !== undefined) throw new EventRejected('schema', wrong);
  const key = keyFrom({ value, bytes }, shape.key) ?? place;
  const time = shape.time === undefined ? at : timeFrom({ value, bytes }, shape.time);
  return { type: shape.type, time, key, dataBytes: bytes, place };
}
