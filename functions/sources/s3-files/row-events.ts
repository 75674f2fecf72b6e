import { createHash } from 'node:crypto';
import { EventRejected } from '../../runtime/errors.ts';
import { type Data, keyFrom, timeFrom } from '../../runtime/json/event-fields.ts';
import type { Checker } from '../../runtime/json/wire-schema.ts';
import { encodeOrdered } from '../../runtime/position.ts';
import { nestingFault } from '../../runtime/record-codec/json-scan.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import type { ItemPage } from '../../runtime/source.ts';
import type { S3Object } from './announcements.ts';
import { bytesOf, type Row } from './rows.ts';

export type RowEvent = ItemPage<unknown>['events'][number];

export interface EventFields {
  readonly type: string;
  readonly key: string;
  readonly time?: string | undefined;
}

/** What all rows of an object have in common. */
export interface RowsOrigin {
  readonly object: S3Object;
  readonly lastModified: Date;
  readonly fields: EventFields;
  readonly check: Checker;
}

export type RowResult = { readonly event: RowEvent } | { readonly rejection: Rejection };

/**
 * Returns a function that makes a row's event. A row without a key gets a key of its own, derived from the object's
 * version and the row's offset: the same whenever the row is read. The event's time is the object's unless an option
 * names a field for it.
 */
export function rowEvents<T>(
  origin: RowsOrigin,
  dataOf: (row: Row<T>, content: T) => Data,
): (row: Row<T>) => RowResult {
  const { object, fields, check } = origin;
  const { type, key: keyField, time: timeField } = fields;
  const { bucket, key: objectKey, etag, versionId } = object;
  const ownKey = createHash('sha256')
    .update(`${bucket}/${objectKey}/${versionId ?? etag}`)
    .digest('base64url')
    .slice(0, 16);
  const objectTime = origin.lastModified.toISOString();

  function eventOf(row: Row<T>): RowEvent {
    if (row.content instanceof EventRejected) throw row.content;
    const data = dataOf(row, row.content);
    const tooDeep = nestingFault(data.bytes);
    if (tooDeep !== undefined) throw new EventRejected('undecodable', tooDeep);
    const wrong = check(data.value);
    if (wrong !== undefined) throw new EventRejected('schema', wrong);
    const place = row.at.offset;
    const key = keyFrom(data, keyField) ?? `${ownKey}-${encodedPlace(place)}`;
    const time = timeField === undefined ? objectTime : timeFrom(data, timeField);
    return { type, time, key, dataBytes: data.bytes, place };
  }

  return (row) => {
    try {
      return { event: eventOf(row) };
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      const { offset, line } = row.at;
      const { reason, message } = error;
      const where = { bucket, key: objectKey, line };
      return { rejection: { at: encodedPlace(offset), reason, message, bytes: bytesOf(row), origin: where } };
    }
  };
}

/** The width of an encoded place, which has 48 bits. */
const PLACE_WIDTH = 8;

function encodedPlace(offset: number): string {
  return encodeOrdered(offset, PLACE_WIDTH);
}
