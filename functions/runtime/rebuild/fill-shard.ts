import type { Batch } from '../batches/batch.ts';
import { deduplicate } from '../batches/batch.ts';
import type { Done } from '../batches/batch-work.ts';
import { type Input, positionOfShard, type ShardInput } from '../batches/shard-input.ts';
import { StaleCheckpoint } from '../errors.ts';
import { LostRange } from '../log/log-reader.ts';
import { firstUnfinished } from '../log/portion.ts';
import { recordBatchesOf } from '../log/record-batches.ts';
import { isSteady, noteSteady } from '../poison/attempt.ts';
import { type GuardedWork, processGuarded } from '../poison/isolate.ts';
import type { LogRecord } from '../record-codec/record.ts';
import type { Step } from '../step.ts';
import type { Past } from './past.ts';
import { outOfReach, type Target } from './targets.ts';

/** One shard that is filled, and the time that an invocation has for it. */
export interface FillTurn {
  readonly step: Step;
  /** The input under the names of the rebuild. */
  readonly input: Input;
  readonly target: Target;
  readonly past: Past;
  readonly owner: string;
  /** When the invocation ends, and its lease with it, in milliseconds since 1970. */
  readonly untilMillis: number;
  /** The time after which no portion is begun. */
  readonly stopMillis: number;
  readonly signal: AbortSignal;
  process(batch: Batch, shard: ShardInput): Promise<Done>;
}

/**
 * Reads a shard up to its target. Resolves to false when the time is over, the step is paused, or another invocation is
 * at it: the lease only saves work, the states decide.
 */
export async function fillShard(turn: FillTurn): Promise<boolean> {
  const { step, input, target, owner, untilMillis, signal } = turn;
  const shard = await openUpTo(turn);
  if (isFilled(shard, target)) return true;
  const key = `rebuild/${shard.key}`;
  if (!(await step.checkpoints.lease({ key, owner, nowMillis: step.now(), untilMillis, signal }))) return false;
  try {
    return await readOn(turn, await openUpTo(turn));
  } catch (error) {
    if (error instanceof StaleCheckpoint) return false;
    if (error instanceof LostRange) throw outOfReach(step, await input.shape(signal), error.message);
    throw error;
  } finally {
    await step.checkpoints.release({ key, owner });
  }
}

/** Opens the shard, of which nothing is taken after the target: that may be inside a record. */
async function openUpTo({ input, target, signal }: FillTurn): Promise<ShardInput> {
  const shard = await input.open(target.shard.id, signal);
  input.forget(shard.key);
  return { ...shard, facts: { ...shard.facts, until: target.upTo } };
}

function isFilled(shard: ShardInput, { upTo }: Target): boolean {
  return positionOfShard(shard) >= upTo;
}

async function readOn(turn: FillTurn, from: ShardInput): Promise<boolean> {
  const { step, target, past, stopMillis, signal } = turn;
  let shard = from;
  for await (const { records } of recordBatchesOf(past.read(target, from.loaded.state.position, signal))) {
    const counting = shard.loaded.state.position === undefined ? await sinceBeginning(turn, records) : records;
    shard = await takeAll(turn, shard, counting);
    if (isFilled(shard, target)) return true;
    if (step.now() >= stopMillis || (await step.pause.inForce(signal)) !== undefined) return false;
  }
  return isFilled(shard, target);
}

/**
 * Leaves out the records before the one that the step began with. Throws a `UserMistake` when the log has lost that
 * one.
 */
async function sinceBeginning(turn: FillTurn, records: readonly LogRecord[]): Promise<readonly LogRecord[]> {
  const { step, input, target, signal } = turn;
  const { from } = target;
  if (from === undefined) return records;
  if ('millis' in from) return records.filter((record) => record.approximateArrivalMillis >= from.millis);
  const [first] = records;
  const began = BigInt(from.sequenceNumber);
  if (first !== undefined && BigInt(first.sequenceNumber) > began) {
    const arrived = new Date(first.approximateArrivalMillis).toISOString();
    const why = `the first event of the table in ${target.shard.id} came before ${arrived}`;
    throw outOfReach(step, await input.shape(signal), why);
  }
  return records.filter(({ sequenceNumber }) => BigInt(sequenceNumber) >= began);
}

/** Commits all of the records up to the target: portion by portion, or smaller parts where one may be poison. */
async function takeAll(turn: FillTurn, from: ShardInput, records: readonly LogRecord[]): Promise<ShardInput> {
  const { step, target, signal } = turn;
  let shard = from;
  while (firstUnfinished(records, positionOfShard(shard)) !== undefined && !isFilled(shard, target)) {
    signal.throwIfAborted();
    const at = shard;
    const work: GuardedWork = {
      step,
      shard,
      shardId: target.shard.id,
      records,
      signal,
      process: (batch) => turn.process(batch, at),
    };
    shard = { ...shard, loaded: await (isSteady(step, shard) ? processPortion(work) : loadedAfter(work)) };
  }
  return shard;
}

async function loadedAfter(work: GuardedWork): Promise<ShardInput['loaded']> {
  return (await processGuarded(work)).loaded;
}

function processPortion({ step, shard, records, process }: GuardedWork): Promise<ShardInput['loaded']> {
  return step.lock.shared(async () => {
    const { loaded } = await process(deduplicate(records, shard), () => Promise.resolve());
    noteSteady(step, shard.key, loaded);
    return loaded;
  });
}
