import type { KinesisStreamRecord } from 'aws-lambda';
import { MOST_BYTES, MOST_RECORDS } from '../log/record-batches.ts';
import { type ActivePause, inForceMillis, type Rest } from './pause.ts';

/**
 * How long a paused step goes on finishing: what cannot be finished in this time, because its destination is down, say,
 * is held as it is.
 */
export const FINISHING_MILLIS = 5 * 60_000;

/** What of an offered batch is done in a pause: the first few records, or none. */
export interface Share {
  readonly records: readonly KinesisStreamRecord[];
  /** Nothing of the shard is in flight, and nothing that was sent is after its position. */
  readonly held: boolean;
}

/**
 * What a step that appends before it moves its position has to finish before it rests. An earlier attempt may have sent
 * what it made of the records after the position, and failed before it moved that: sent again under the same names it
 * is dropped, but by code that was deployed in the pause it would get other names and count twice. Nobody knows of that
 * attempt; but it had a batch from this position on, of what had arrived before the pause was in force. So once that
 * much is done, nothing that was sent is after the position.
 */
export function toFinish(
  records: readonly KinesisStreamRecord[],
  { pause, rest, nowMillis }: { readonly pause: ActivePause; readonly rest: Rest; readonly nowMillis: number },
): Share {
  const inForce = inForceMillis(pause);
  const laterFrom = records.findIndex(({ kinesis }) => kinesis.approximateArrivalTimestamp * 1_000 > inForce);
  if (rest.held || rest.records >= MOST_RECORDS || rest.bytes >= MOST_BYTES || laterFrom === 0)
    return { records: [], held: true };
  if (nowMillis >= inForce + FINISHING_MILLIS) return { records: [], held: false };
  return { records: laterFrom < 0 ? records : records.slice(0, laterFrom), held: false };
}

/** What is known after those were done. */
export function finished(rest: Rest, records: readonly KinesisStreamRecord[]): Rest {
  const bytes = records.reduce((sum, { kinesis }) => sum + Buffer.byteLength(kinesis.data, 'base64'), rest.bytes);
  return { ...rest, records: rest.records + records.length, bytes };
}
