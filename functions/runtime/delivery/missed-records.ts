import type { BatchWork } from '../batches/batch-work.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import { traitsOf } from '../batches/step-kind.ts';
import { readShard } from '../log/log-reader.ts';
import { recordAfter } from '../log/record-at.ts';
import { MOST_BYTES, MOST_RECORDS } from '../log/record-batches.ts';
import { type Gap, isInGap, loadGaps, YOUNGEST_DISCARDED_MILLIS } from '../on-failure/gaps.ts';
import { isEndOfRecord, positionOf } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { HOURS_BEFORE_TRIM } from './expiring.ts';

/**
 * Reads the next records that a step has to process before a batch, though the mapping does not deliver them: those
 * between its position and the batch.
 *
 * A sink keeps its position with its rows, or among the checkpoints. When its database or the checkpoints are restored
 * to an earlier state, or the database loses its last commits in a failover, the position goes back, while the mapping
 * goes on. So a process asks the log before the first batch that it processes from a position that it did not reach
 * with the batch before.
 *
 * Records that may be dead letters already are left out: those in gaps that the step has noted, because Lambda may have
 * discarded them under a mapping of an earlier version, and all of them when the position is so old that the step may
 * have given up what came after it, before its stream would trim it.
 */
export async function missedRecords(
  { kind, step, input }: Pick<BatchWork, 'kind' | 'step' | 'input'>,
  batch: {
    readonly shard: ShardInput;
    readonly shardId: string;
    readonly first: LogRecord;
    readonly signal: AbortSignal;
  },
): Promise<Missed> {
  const { shard, shardId, first, signal } = batch;
  const { position, arrivedMillis } = shard.loaded.state;
  if (!traitsOf({ kind }).mayGoBack || position === undefined || arrivedMillis === undefined) return NONE;
  if (positionOf(first.sequenceNumber, 0) <= position || input.isReached(shard.key, position)) return NONE;
  const gaps = await leftOutAfter({ step, input }, { shard, ageMillis: step.now() - arrivedMillis, signal });
  if (gaps === 'everything') return { records: [], isInDoubt: true };
  const at = { kinesis: step.kinesis, stream: input.stream, shardId, signal };
  const isBefore = ({ sequenceNumber }: LogRecord): boolean => BigInt(sequenceNumber) < BigInt(first.sequenceNumber);
  if (isEndOfRecord(position)) {
    const next = await recordAfter(at, position);
    if (next === undefined || !isBefore(next)) return NONE;
  }
  const missed: LogRecord[] = [];
  let bytes = 0;
  for await (const { records } of readShard({ ...at, after: position, trimmedIsNoLoss: true })) {
    for (const record of records) {
      if (!isBefore(record) || missed.length === MOST_RECORDS || bytes >= MOST_BYTES)
        return { records: missed, isInDoubt: true };
      if (gaps.some((gap) => isInGap(record, gap))) continue;
      missed.push(record);
      bytes += record.data.length;
    }
  }
  return { records: missed, isInDoubt: true };
}

/** What a step has missed before a batch. */
export interface Missed {
  readonly records: readonly LogRecord[];
  /**
   * True when records lie between the position and the batch, or may have been there: the position may be an old one.
   */
  readonly isInDoubt: boolean;
}

const NONE: Missed = { records: [], isInDoubt: false };

/** Finds the ranges whose records may be dead letters. */
async function leftOutAfter(
  { step, input }: Pick<BatchWork, 'step' | 'input'>,
  of: { readonly shard: ShardInput; readonly ageMillis: number; readonly signal: AbortSignal },
): Promise<readonly Gap[] | 'everything'> {
  const { shard, ageMillis, signal } = of;
  if (ageMillis < YOUNGEST_DISCARDED_MILLIS) return [];
  const { retentionMillis } = await input.shape(signal);
  if (ageMillis >= retentionMillis - GIVEN_UP_MILLIS) return 'everything';
  return loadGaps(step.checkpoints, shard.key, signal);
}

/** A step gives up no record that its stream keeps for longer than this. Clocks may differ by less than an hour. */
const GIVEN_UP_MILLIS = (HOURS_BEFORE_TRIM + 1) * 3_600_000;
