import type { OutgoingEvent } from '../event.ts';
import { hashOf } from '../record-codec/hash.ts';
import { backOffMillis, type Persistence } from './back-off.ts';
import { advance, type PackedRecord, queuesFor, remaining, type ShardQueue } from './shard-queues.ts';
import { covers, type Kinesis, listShards, openShards, type Shard } from './shards.ts';

/** A record that landed in another shard than expected: the stream was resharded. */
export interface StrayRecord {
  readonly queue: ShardQueue;
  readonly record: PackedRecord;
  readonly shardId: string;
}

/** The shards as they are now, those that records landed in among them: ListShards may lag behind. */
export async function shardsWith(
  strays: readonly StrayRecord[],
  stream: Persistence & { readonly kinesis: Kinesis; readonly arn: string },
): Promise<readonly Shard[]> {
  const { kinesis, arn, signal, random, sleep } = stream;
  for (let attempt = 0; ; attempt++) {
    const shards = await listShards(kinesis, arn, { signal, sleep });
    if (strays.every(({ shardId }) => shards.some(({ id }) => id === shardId))) return shards;
    await sleep(backOffMillis(attempt, random), signal);
  }
}

/**
 * Deals out again, in order, whatever is not in the log. Readers drop an aggregated record's events that hash outside
 * the shard it landed in, so those are not in the log either. The first event's hash decides where a record lands: it
 * is.
 */
export function requeued(
  append: { readonly events: readonly OutgoingEvent[]; readonly queues: readonly ShardQueue[] },
  strays: readonly StrayRecord[],
  shards: readonly Shard[],
): ShardQueue[] {
  const missing: number[] = [];
  for (const { queue, record, shardId } of strays) {
    const landed = shards.find(({ id }) => id === shardId) as Shard;
    for (const index of queue.indexes.slice(queue.next, record.end)) {
      if (!covers(landed, hashOf((append.events[index] as OutgoingEvent).key))) missing.push(index);
    }
    advance(queue, record);
  }
  for (const queue of append.queues) missing.push(...remaining(queue));
  missing.sort((a, b) => a - b);
  return queuesFor(append.events, missing, openShards({ shards }));
}
