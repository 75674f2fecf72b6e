import type { ShardInput } from '../batches/shard-input.ts';
import { traitsOf } from '../batches/step-kind.ts';
import { isReached, type Rewind } from '../checkpoints/rewind-state.ts';
import { StaleCheckpoint } from '../errors.ts';
import { LARGE, recordBatchesOf } from '../log/record-batches.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { type CatchUp, commitChange, pagesFrom, passRecords, processRecords } from './catch-up.ts';
import { handOver } from './hand-over.ts';
import { descendantsHaveSettled, settle } from './settle.ts';
import { isAtEnd, parentsOf } from './shard-ends.ts';

/**
 * How a rewound shard catches up. Its state's `rewind` says how far it is, so any invocation can continue after a
 * crash:
 *
 * | phase          | what is done                                                                | next phase     |
 * | -------------- | --------------------------------------------------------------------------- | -------------- |
 * | settling       | send once more what may be in flight, under its old names; go to the start  | passing, fresh |
 * | passing, fresh | wait for descendants to settle and for parents to end; take parents' marks  | passing        |
 * | passing        | take the marks of the records before the target                             | reading        |
 * | reading        | process the records from the target on, to the end of the log               | not rewound    |
 * | not rewound    | nothing: the mapping or the scheduled run continues, or the replay has ended |                |
 *
 * A transform starts in any of the first three phases, a sink in the second or the third. A scheduled sink goes from
 * `passing` to `not rewound`, because its own run reads from the target on.
 *
 * `over`: the shard is not rewound any more. `waiting`: it has to wait for its parents or descendants. `unfinished`:
 * the time is over.
 */
export type CatchUpResult = 'over' | 'waiting' | 'unfinished';

/** Catches up with one shard, until nothing is left or the time is over. */
export async function catchUpShard(catchUp: CatchUp): Promise<CatchUpResult> {
  const { batchWork, shardId, stopMillis, signal } = catchUp;
  const { step, input } = batchWork;
  for (;;) {
    const shard = await input.open(shardId, signal);
    input.forget(shard.key);
    const { rewind } = shard.loaded.state;
    if (rewind === undefined) return 'over';
    try {
      const result = await advance(catchUp, shard, rewind);
      if (result !== 'again') return result;
    } catch (error) {
      // Another invocation has moved the state: it catches up as well, or the shard was rewound again.
      if (!(error instanceof StaleCheckpoint)) throw error;
    }
    if (step.now() >= stopMillis) return 'unfinished';
  }
}

async function advance(catchUp: CatchUp, shard: ShardInput, rewind: Rewind): Promise<CatchUpResult | 'again'> {
  if (rewind.phase === 'settling') {
    await settle(catchUp, shard, rewind);
    return 'again';
  }
  if (rewind.fresh !== true) return readOn(catchUp, shard);
  const begun = await beginWithParentsMarks(catchUp, rewind);
  return begun === undefined ? 'waiting' : readOn(catchUp, begun);
}

/**
 * Begins a shard with its parents' marks, once these are complete. Resolves to undefined when the shard has to wait.
 * Throws `StaleCheckpoint` when another invocation has begun the shard, or it was rewound anew meanwhile.
 */
async function beginWithParentsMarks(catchUp: CatchUp, seen: Rewind): Promise<ShardInput | undefined> {
  const { batchWork, shardId, signal } = catchUp;
  if (!(await descendantsHaveSettled(catchUp)) || !(await parentsAreDone(catchUp, seen))) return undefined;
  // Only now are the parents' marks complete, so the shard is loaded again, with the rewind that is in force by now.
  const shard = await batchWork.input.open(shardId, signal);
  const { rewind } = shard.loaded.state;
  if (rewind?.fresh !== true) throw new StaleCheckpoint(shard.key, shard.loaded.revision);
  const { fresh: _, ...begun } = rewind;
  return commitChange(catchUp, shard, { rewind: begun });
}

/** A shard waits for each parent that is being rewound, and for each that is not read to its end yet. */
async function parentsAreDone(catchUp: CatchUp, { endMillis }: Rewind): Promise<boolean> {
  for (const { id, state } of await parentsOf(catchUp, catchUp.shardId)) {
    if (state.rewind !== undefined) return false;
    if (state.ended === true) continue;
    // A replay marks each shard that it has finished, so no log has to be read for it.
    if (endMillis !== undefined || !(await isAtEnd(catchUp, id, state.position))) return false;
  }
  return true;
}

async function readOn(catchUp: CatchUp, begun: ShardInput): Promise<CatchUpResult | 'again'> {
  const { batchWork, stopMillis } = catchUp;
  let shard = await finishFixedSlice(catchUp, begun);
  // Records that are only passed may be trimmed away meanwhile.
  const trimmedIsNoLoss = shard.loaded.state.rewind?.phase === 'passing';
  const size = traitsOf(batchWork).fixesSlices ? LARGE : undefined;
  for await (const { records, end } of recordBatchesOf(pagesFrom(catchUp, shard, { trimmedIsNoLoss }), size)) {
    shard = await takePortion(catchUp, shard, records);
    const { rewind } = shard.loaded.state;
    if (rewind === undefined) return 'over';
    if (end !== undefined) return atEndOfLog(catchUp, shard, { rewind, isClosed: end === 'shard-end' });
    if (batchWork.step.now() >= stopMillis) return 'unfinished';
  }
  return 'again';
}

/** Writes a slice whose range was fixed before, exactly as it was fixed. */
async function finishFixedSlice(catchUp: CatchUp, shard: ShardInput): Promise<ShardInput> {
  const { intent } = shard.loaded.state;
  if (intent === undefined) return shard;
  const records: LogRecord[] = [];
  for await (const page of pagesFrom(catchUp, shard, { trimmedIsNoLoss: false, to: intent.to }))
    records.push(...page.records);
  return processRecords(catchUp, shard, records);
}

async function takePortion(catchUp: CatchUp, shard: ShardInput, records: readonly LogRecord[]): Promise<ShardInput> {
  const { rewind } = shard.loaded.state;
  if (rewind?.phase !== 'passing') return processToEnd(catchUp, shard, records);
  const target = records.findIndex((record) => isReached(rewind.to, record));
  if (target < 0) return passRecords(catchUp, shard, records);
  const atTarget = await passRecords(catchUp, shard, records.slice(0, target));
  const isReplay = rewind.endMillis !== undefined;
  if (!traitsOf(catchUp.batchWork).hasMapping && !isReplay) return endRewind(catchUp, atTarget);
  const reading = await commitChange(catchUp, atTarget, { rewind: { ...rewind, phase: 'reading' } });
  return processToEnd(catchUp, reading, records.slice(target));
}

/** Processes records; of a replay, only those before its end. */
async function processToEnd(catchUp: CatchUp, shard: ShardInput, records: readonly LogRecord[]): Promise<ShardInput> {
  const { endMillis = Number.POSITIVE_INFINITY } = shard.loaded.state.rewind ?? {};
  const end = records.findIndex(({ approximateArrivalMillis }) => approximateArrivalMillis >= endMillis);
  if (end < 0) return processRecords(catchUp, shard, records);
  return endShard(catchUp, await processRecords(catchUp, shard, records.slice(0, end)));
}

async function atEndOfLog(
  catchUp: CatchUp,
  shard: ShardInput,
  { rewind, isClosed }: { readonly rewind: Rewind; readonly isClosed: boolean },
): Promise<'over' | 'again'> {
  const isReplay = rewind.endMillis !== undefined;
  if (isClosed || isReplay) await endShard(catchUp, shard);
  else if (!traitsOf(catchUp.batchWork).hasMapping) await endRewind(catchUp, shard);
  else if (!(await handOver(catchUp, shard, rewind))) return 'again';
  return 'over';
}

function endShard(catchUp: CatchUp, shard: ShardInput): Promise<ShardInput> {
  return commitChange(catchUp, shard, { ended: true, rewind: undefined });
}

function endRewind(catchUp: CatchUp, shard: ShardInput): Promise<ShardInput> {
  return commitChange(catchUp, shard, { rewind: undefined });
}
