import type { ShardInput } from '../batches/shard-input.ts';
import { traitsOf } from '../batches/step-kind.ts';
import { laterOf, type Rewind } from '../checkpoints/rewind-state.ts';
import { recordBatchesOf } from '../log/record-batches.ts';
import { type CatchUp, commitChange, pagesFrom, processRecords } from './catch-up.ts';
import { isAtEnd, parentsOf } from './shard-ends.ts';
import { backToStart } from './state-changes.ts';

/**
 * Sends once more what may be in flight, then moves the shard back to its start. A single portion from the position on
 * covers what may be in flight. An invocation that died while it sent these events, or one that still sends them, gives
 * them the same sources and sequences, so readers drop the repeats. Everything sent after this has a new generation.
 */
export async function settle(catchUp: CatchUp, shard: ShardInput, rewind: Rewind): Promise<void> {
  const settled = (await mayBeInFlight(catchUp, shard)) ? await processOnePortion(catchUp, shard) : shard;
  await commitChange(catchUp, settled, backToStart(settled.loaded.state, rewind));
}

async function processOnePortion(catchUp: CatchUp, shard: ShardInput): Promise<ShardInput> {
  for await (const { records } of recordBatchesOf(pagesFrom(catchUp, shard, { trimmedIsNoLoss: true })))
    return processRecords(catchUp, shard, records);
  return shard;
}

/**
 * A shard that was never read can have something in flight only when its parents were read to their ends. A parent that
 * has settled already is back at its start: its rewind says up to where it was read.
 */
async function mayBeInFlight(catchUp: CatchUp, { loaded }: ShardInput): Promise<boolean> {
  if (loaded.state.position !== undefined) return true;
  for (const { id, state } of await parentsOf(catchUp, catchUp.shardId)) {
    if (!(await isAtEnd(catchUp, id, laterOf(state.rewind?.until, state.position)))) return false;
  }
  return true;
}

/**
 * Tells whether all descendants of the shard have settled. Ids grow, so descendants are later shards that share keys.
 */
export async function descendantsHaveSettled({ batchWork, shardId, signal }: CatchUp): Promise<boolean> {
  if (!traitsOf(batchWork).appendsBeforeCommit) return true;
  const { shards } = await batchWork.input.shape(signal);
  const own = shards.find(({ id }) => id === shardId);
  for (const { id, from, to } of shards) {
    if (own === undefined || id <= own.id || to < own.from || from > own.to) continue;
    if ((await batchWork.input.stateOf(id, signal))?.rewind?.phase === 'settling') return false;
  }
  return true;
}
