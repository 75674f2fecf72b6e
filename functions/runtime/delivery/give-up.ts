import type { KinesisStreamRecord } from 'aws-lambda';
import { type Batch, openBatch } from '../batches/batch.ts';
import type { Done } from '../batches/batch-work.ts';
import { report } from '../batches/report.ts';
import type { Input, ShardInput } from '../batches/shard-input.ts';
import { StaleCheckpoint } from '../errors.ts';
import { MAY_BE_PROCESSED } from '../on-failure/missed.ts';
import { endOfRecord } from '../position.ts';
import { type LogRecord, toLogRecord } from '../record-codec/record.ts';
import { rejectionOf } from '../rejection.ts';
import type { Step } from '../step.ts';

/** The first record that Lambda has to deliver again. Undefined: all of them are finished. */
export type Unfinished = { readonly sequenceNumber: string } | undefined;

/** Where records are given up. */
export interface GivingUp {
  readonly step: Step;
  readonly input: Input;
  readonly shardId: string;
  readonly retentionMillis: number;
  readonly signal: AbortSignal;
  /** Makes a batch durable and commits it. */
  commit(batch: Batch, shard: ShardInput): Promise<Done>;
}

/**
 * Makes dead letters of the events of records, portion by portion, until the time is over. Resolves to the number of
 * records that are given up.
 *
 * The rejections are committed together with the position. When the step's own store is out of reach, as the database
 * of a sink may be, the dead letters do not wait for it: the position stays, the step does not know what it had
 * committed before, and the dead letters say so. A step that publishes gets the records again all the same, because
 * its last page may not be in the log.
 *
 * `firstIsWhole`: the first record becomes one dead letter, without being decoded.
 */
export async function giveUp(
  at: GivingUp,
  records: readonly KinesisStreamRecord[],
  { firstIsWhole }: { readonly firstIsWhole: boolean },
): Promise<number> {
  const all = records.map(toLogRecord);
  let count = firstIsWhole ? await giveUpPortion(at, all.slice(0, 1), rejectWhole) : 0;
  while (count < all.length && !at.signal.aborted) count += await giveUpPortion(at, all.slice(count), rejectEvents);
  return count;
}

/** Adds a record to a batch as rejections. */
type Reject = (batch: Batch, record: LogRecord, message: string) => void;

/** Resolves to the number of records that are given up. */
async function giveUpPortion(at: GivingUp, records: readonly LogRecord[], reject: Reject): Promise<number> {
  const { step, input, shardId, signal } = at;
  const started = step.now();
  const known = await input.open(shardId, signal).catch(() => undefined);
  signal.throwIfAborted();
  const shard = known ?? (await input.blank(shardId, signal));
  const batch = openBatch(shard.loaded.state, shard.facts);
  let count = 0;
  while (count < records.length && !batch.isFull()) {
    const record = records[count++] as LogRecord;
    reject(batch, record, whyGivenUp(record, at.retentionMillis) + (known === undefined ? MAY_BE_PROCESSED : ''));
  }
  if (known !== undefined && (await isCommitted(at, batch, known))) return count;
  await step.deadLetters.put(shard.key, batch.rejections, signal);
  // No later batch may come to append the page: so the records come again until the store is there.
  if (input.publishes)
    throw new Error(
      `the records are dead letters; ${shard.key} waits until its database and its change stream are there`,
    );
  const done = { loaded: shard.loaded, eventsOut: 0, bytesOut: 0, rejected: batch.rejections.length };
  report(step, shard.key, { batch, done, started });
  return count;
}

/** Adds a record's new events as rejections. Bytes that do not decode are rejected for that reason, as always. */
function rejectEvents(batch: Batch, record: LogRecord, message: string): void {
  batch.take(record);
  const events = batch.events.splice(0);
  batch.rejections.push(...events.map((event) => rejectionOf(event, { reason: 'expired', message })));
}

function rejectWhole(batch: Batch, record: LogRecord, message: string): void {
  const at = endOfRecord(record.sequenceNumber);
  batch.reject(record, { at, reason: 'expired', message, bytes: record.data });
}

/** Says why. The message follows from the record alone, so a retry makes the same dead letter. */
function whyGivenUp({ approximateArrivalMillis }: LogRecord, retentionMillis: number): string {
  const trimmed = new Date(approximateArrivalMillis + retentionMillis).toISOString();
  return `the step could not process it, and its stream trims it at ${trimmed}`;
}

/**
 * Commits the rejections. Resolves to false when that fails: what kept the step from processing the records may keep it
 * from this too. Rejects when another invocation has moved the shard: then the delivery begins again.
 */
async function isCommitted({ input, signal, commit }: GivingUp, batch: Batch, shard: ShardInput): Promise<boolean> {
  try {
    const { loaded } = await commit(batch, shard);
    input.committed(shard.key, loaded);
    return true;
  } catch (error) {
    input.forget(shard.key);
    signal.throwIfAborted();
    if (error instanceof StaleCheckpoint) throw error;
    return false;
  }
}
