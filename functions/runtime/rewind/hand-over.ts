import type { ShardInput } from '../batches/shard-input.ts';
import { laterOf, type Rewind } from '../checkpoints/rewind-state.ts';
import { recordAt } from '../log/record-at.ts';
import { closeAcknowledged } from './acknowledged.ts';
import { type CatchUp, commitChange } from './catch-up.ts';

/**
 * Hands a shard that has caught up with the log back to its mapping. Resolves to false when there is more to read
 * first.
 *
 * While the shard was rewound, its mapping's batches were acknowledged without being processed, up to the end that is
 * noted. Once this note is closed, no batch is acknowledged unprocessed any more, so the mapping delivers each one
 * again. When the step has read as far as the note says, the mapping's next batch is an ordinary one, and no record
 * between the two is missing.
 */
export async function handOver(catchUp: CatchUp, shard: ShardInput, rewind: Rewind): Promise<boolean> {
  const { batchWork, shardId, signal } = catchUp;
  const { step, input } = batchWork;
  const { position, rewinds = 0 } = shard.loaded.state;
  const closed = await closeAcknowledged(step.checkpoints, { key: shard.key, rewind: rewinds, signal });
  const last = laterOf(closed, rewind.until);
  const isThere = last === undefined || (position !== undefined && position >= last);
  if (!isThere) {
    // If the log no longer has the record of `last`, every record up to it is trimmed away, and none of them is left to
    // read.
    const at = { kinesis: step.kinesis, stream: input.stream, shardId, signal };
    if ((await recordAt(at, last)) !== undefined) return false;
  }
  await commitChange(catchUp, shard, { position: laterOf(position, last), rewind: undefined });
  return true;
}
