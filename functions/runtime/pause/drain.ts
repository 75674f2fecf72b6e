import type { KinesisStreamRecord } from 'aws-lambda';
import { MOST_BYTES, MOST_RECORDS } from '../log/record-batches.ts';
import { type ActivePause, inForceMillis, type Rest } from './pause.ts';

/**
 * How long a paused step keeps trying to finish. A batch that it cannot finish in this time, because its destination is
 * down for example, stays unfinished.
 */
export const FINISHING_MILLIS = 5 * 60_000;

/** How much of a batch a paused step still processes: its first records, or none. */
export interface ToFinish {
  readonly records: readonly KinesisStreamRecord[];
  /** True when nothing of the shard is in flight, and nothing that was sent is after its position. */
  readonly isAtRest: boolean;
}

/**
 * Decides how much of a delivered batch a step still has to process before it rests, when the step appends before it
 * moves its position.
 *
 * An earlier attempt may have sent the outputs of the records after the position, and failed before the position moved.
 * When the same code sends them again, they have the same names, and readers drop them. Code that is deployed in the
 * pause would give them other names, and they would count twice. Nobody knows whether there was such an attempt, but
 * its batch began at this position, had the size of a batch at most, and held only records that arrived before the
 * pause was in force. So once that much is processed, nothing that was sent is after the position.
 */
export function recordsToFinish(
  records: readonly KinesisStreamRecord[],
  { pause, rest, nowMillis }: { readonly pause: ActivePause; readonly rest: Rest; readonly nowMillis: number },
): ToFinish {
  const inForce = inForceMillis(pause);
  const laterFrom = records.findIndex(({ kinesis }) => kinesis.approximateArrivalTimestamp * 1_000 > inForce);
  if (rest.held || rest.records >= MOST_RECORDS || rest.bytes >= MOST_BYTES || laterFrom === 0)
    return { records: [], isAtRest: true };
  if (nowMillis >= inForce + FINISHING_MILLIS) return { records: [], isAtRest: false };
  return { records: laterFrom < 0 ? records : records.slice(0, laterFrom), isAtRest: false };
}

/** Returns what to note once the records are processed. */
export function restAfter(rest: Rest, { records, isAtRest }: ToFinish): Rest {
  const bytes = records.reduce((sum, { kinesis }) => sum + Buffer.byteLength(kinesis.data, 'base64'), rest.bytes);
  return { ...rest, held: isAtRest, records: rest.records + records.length, bytes };
}
