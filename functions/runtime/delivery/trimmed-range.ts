import type { KinesisStreamRecord } from 'aws-lambda';
import { z } from 'zod';
import { openBatch } from '../batches/batch.ts';
import type { BatchWork } from '../batches/batch-work.ts';
import { report } from '../batches/report.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import { jsonNote, loadNote, type Note, updateNote } from '../checkpoints/note.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { recordAt } from '../log/record-at.ts';
import { type Position, positionOf, sequenceNumberOf } from '../position.ts';
import { type LogRecord, toLogRecord } from '../record-codec/record.ts';
import type { Rejection } from '../rejection.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Kinesis's shortest retention: a younger record than this is never trimmed. */
const SHORTEST_RETENTION_MILLIS = 24 * HOUR;

/** A record that waited for so long without any call of the function shows that the step stood still. */
const STOOD_STILL_MILLIS = 2 * HOUR;

/** From this age on, calls that leave a record unprocessed are noted. It is less than `STOOD_STILL_MILLIS`. */
const WAITED_MILLIS = HOUR;

/** How often such calls are noted. */
const NOTED_EVERY_MILLIS = 10 * MINUTE;

/** Calls of the function that left records unprocessed, one soon after the other. */
const Calls = z.lazy(() =>
  z.object({
    /** When the first and the last of them were. */
    sinceMillis: z.number(),
    lastMillis: z.number(),
    /** The first record of the first call. */
    first: z.object({ sequenceNumber: z.string(), arrivedMillis: z.number() }),
  }),
);
type Calls = Readonly<z.infer<typeof Calls>>;

function callsNote(key: string): Note<Calls> {
  return jsonNote(`waiting/${key}`, Calls);
}

/**
 * Notes that the step was called for an old record that it left unprocessed: it was paused, or it failed. Later this
 * shows that the function could start (`reportTrimmedRange`).
 */
export async function noteWaiting(
  { step, input }: Pick<BatchWork, 'step' | 'input'>,
  call: { readonly shardId: string; readonly first: KinesisStreamRecord; readonly signal: AbortSignal },
): Promise<void> {
  const { shardId, signal } = call;
  const { sequenceNumber, approximateArrivalMillis: arrivedMillis } = toLogRecord(call.first);
  const nowMillis = step.now();
  if (nowMillis - arrivedMillis < WAITED_MILLIS) return;
  await updateNote(step.checkpoints, callsNote(shardKey(await input.shape(signal), shardId)), {
    change: (calls) => {
      if (calls === undefined || nowMillis - calls.lastMillis > STOOD_STILL_MILLIS)
        return { sinceMillis: nowMillis, lastMillis: nowMillis, first: { sequenceNumber, arrivedMillis } };
      return nowMillis - calls.lastMillis < NOTED_EVERY_MILLIS ? undefined : { ...calls, lastMillis: nowMillis };
    },
    signal,
  });
}

/**
 * Stores a dead letter that names the range of records which the stream may have trimmed before the step's function
 * could run, before the position passes that range. A step whose function can start makes dead letters of such records
 * itself, in time (expiring.ts).
 *
 * The log does not say whether it had records that it does not hold any more. So the range counts as lost when the log
 * no longer has the record of the step's position, and the next record then waited for hours without a call. A shard
 * that was idle for longer than the retention has nothing to lose: its next record is delivered at once.
 */
export async function reportTrimmedRange(
  { step, input }: Pick<BatchWork, 'step' | 'input'>,
  on: {
    readonly shard: ShardInput;
    readonly shardId: string;
    readonly first: LogRecord;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { shard, shardId, first, signal } = on;
  const started = step.now();
  const { position, arrivedMillis = started, movedMillis = started } = shard.loaded.state;
  if (position === undefined || started - arrivedMillis < SHORTEST_RETENTION_MILLIS) return;
  if (positionOf(first.sequenceNumber, 0) <= position) return;
  // While the step goes on, nothing is asked, though its records may be days old.
  if (started - movedMillis < STOOD_STILL_MILLIS) return;
  const { value: calls } = await loadNote(step.checkpoints, callsNote(shard.key), signal);
  const next =
    calls !== undefined && started - calls.lastMillis <= STOOD_STILL_MILLIS
      ? { ...calls.first, calledMillis: calls.sinceMillis }
      : { ...first, arrivedMillis: first.approximateArrivalMillis, calledMillis: started };
  if (next.calledMillis - Math.max(movedMillis, next.arrivedMillis) < STOOD_STILL_MILLIS) return;
  if (next.calledMillis - arrivedMillis < SHORTEST_RETENTION_MILLIS) return;
  if (BigInt(next.sequenceNumber) - BigInt(sequenceNumberOf(position)) <= 1n) return;
  const at = { kinesis: step.kinesis, stream: input.stream, shardId, signal };
  if ((await recordAt(at, position)) !== undefined) return;
  const rejection = rejectionOfRange({ position, arrivedMillis }, next);
  const batch = openBatch(shard.loaded.state, shard.facts);
  batch.rejections.push(rejection);
  await step.deadLetters.put(shard.key, batch.rejections, signal);
  report(step, shard.key, {
    batch,
    done: { loaded: shard.loaded, eventsOut: 0, bytesOut: 0, rejected: batch.rejections.length },
    started,
  });
}

/** Everything in it follows from the range, so that a retry stores the same object. */
function rejectionOfRange(
  after: { readonly position: Position; readonly arrivedMillis: number },
  before: { readonly sequenceNumber: string; readonly arrivedMillis: number },
): Rejection {
  const last = sequenceNumberOf(after.position);
  const [from, to] = [after, before].map(({ arrivedMillis }) => new Date(arrivedMillis).toISOString());
  return {
    // No event ends there: the next record has a higher number.
    at: positionOf((BigInt(last) + 1n).toString(), 0),
    reason: 'expired',
    message:
      `records that arrived between ${from} and ${to} may be lost: ` +
      'the stream trimmed what it had there before the function of the step could run',
    bytes: new Uint8Array(),
    origin: { after: last, before: before.sequenceNumber },
  };
}
