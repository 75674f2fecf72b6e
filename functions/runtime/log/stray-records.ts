import type { OutgoingEvent } from '../event.ts';
import { hashOf } from '../record-codec/hash.ts';
import { backOffMillis, type RetrySettings } from './back-off.ts';
import { advance, type PackedRecord, queuesFor, remaining, type ShardQueue } from './shard-queues.ts';
import { covers, type Kinesis, listShards, openShards, type Shard } from './shards.ts';

/** A record that landed in another shard than expected, because the stream was resharded. */
export interface StrayRecord {
  readonly queue: ShardQueue;
  readonly record: PackedRecord;
  readonly shardId: string;
}

/** Lists the shards until they include those that the records landed in. ListShards may lag behind. */
export async function shardsWith(
  strays: readonly StrayRecord[],
  stream: RetrySettings & { readonly kinesis: Kinesis; readonly arn: string },
): Promise<readonly Shard[]> {
  const { kinesis, arn, signal, random, sleep } = stream;
  for (let attempt = 0; ; attempt++) {
    const shards = await listShards(kinesis, arn, { signal, sleep });
    if (strays.every(({ shardId }) => shards.some(({ id }) => id === shardId))) return shards;
    await sleep(backOffMillis(attempt, random), signal);
  }
}

/**
 * Distributes again, in order, all events that are not in the log. A reader drops those events of an aggregated record
 * that hash outside the shard where the record landed, so they do not count as in the log. The hash of the first event
 * decides where a record lands, so the first event is in the log. A tick is in the log where its record landed: when
 * that is not the whole range that it was aimed at, it goes to all shards once more, which changes nothing for those
 * that have it.
 */
export function requeued(
  append: { readonly events: readonly OutgoingEvent[]; readonly queues: readonly ShardQueue[] },
  strays: readonly StrayRecord[],
  shards: readonly Shard[],
): ShardQueue[] {
  const missing = new Set<number>();
  for (const { queue, record, shardId } of strays) {
    const landed = shards.find(({ id }) => id === shardId) as Shard;
    const hasAll = covers(landed, queue.shard.from) && covers(landed, queue.shard.to);
    for (const index of queue.indexes.slice(queue.next, record.end)) {
      const { key, everywhere } = append.events[index] as OutgoingEvent;
      if (everywhere ? !hasAll : !covers(landed, hashOf(key))) missing.add(index);
    }
    advance(queue, record);
  }
  for (const index of append.queues.flatMap(remaining)) missing.add(index);
  const inOrder = [...missing].sort((a, b) => a - b);
  return queuesFor(append.events, inOrder, openShards({ shards }));
}
