import type { Kinesis } from '../../../functions/runtime/log/shards.ts';
import { openShardReader } from './shard-reading.ts';

/** Shards that are read at once. */
const AT_ONCE = 8;

/** Finds when the oldest record of each shard arrived (RFC 3339). A shard without records is not in the map. */
export async function shardBeginnings(
  kinesis: Kinesis,
  { stream, shards }: { readonly stream: string; readonly shards: readonly string[] },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const next = shards.values();
  const worker = async (): Promise<void> => {
    for (const shardId of next) {
      const record = await openShardReader({ kinesis, stream, shardId, signal }).earliest();
      if (record !== undefined) found.set(shardId, new Date(record.approximateArrivalMillis).toISOString());
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found;
}
