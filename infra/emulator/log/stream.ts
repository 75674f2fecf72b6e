import { LogError } from './log-error.ts';
import { type Shard, trim } from './shard.ts';

export interface Stream {
  readonly name: string;
  readonly arn: string;
  readonly createdMillis: number;
  readonly mode: 'PROVISIONED' | 'ON_DEMAND';
  status: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';
  /** The change under way, while the status is CREATING, UPDATING or DELETING. */
  change?: { readonly dueMillis: number; readonly complete: (atMillis: number) => void };
  retentionHours: number;
  maxRecordKib: number;
  /** The values of the tags by their keys. */
  readonly tags: ReadonlyMap<string, string>;
  /** All shards that the stream ever had, by their index. */
  readonly shards: Shard[];
  /** The open shards, in the order of their hash keys. */
  open: Shard[];
  /** The times at which UpdateShardCount was called. */
  readonly rescaledMillis: number[];
}

/** Completes a change that is due by now, as of the moment it was due. So it does not matter who looks, and when. */
export function settle(stream: Stream, nowMillis: number): void {
  const { change } = stream;
  if (change === undefined || nowMillis < change.dueMillis) return;
  delete stream.change;
  change.complete(change.dueMillis);
}

/** Sets the stream to UPDATING. At `dueMillis` it becomes ACTIVE and `complete` changes it. */
export function update(stream: Stream, dueMillis: number, complete: (atMillis: number) => void): void {
  stream.status = 'UPDATING';
  stream.change = {
    dueMillis,
    complete(atMillis) {
      stream.status = 'ACTIVE';
      complete(atMillis);
    },
  };
}

export function horizonMillis(stream: Stream, nowMillis: number): number {
  return nowMillis - stream.retentionHours * 3_600_000;
}

/** True of a closed shard whose records have all expired. Such a shard is no longer listed. */
export function isExpired(stream: Stream, shard: Shard, nowMillis: number): boolean {
  return shard.closed !== undefined && shard.closed.atMillis < horizonMillis(stream, nowMillis);
}

export function trimAll(stream: Stream, nowMillis: number): void {
  for (const shard of stream.shards) trim(shard, horizonMillis(stream, nowMillis));
}

export function shardOf(stream: Stream, shardId: string): Shard | undefined {
  // Kinesis accepts a shard's index without its prefix as well.
  const index = /^(?:shardId-)?(\d{1,12})$/.exec(shardId)?.[1];
  return index === undefined ? undefined : stream.shards[Number(index)];
}

/** Finds the open shard that a hash, in hexadecimal digits, belongs to. */
export function shardForHash(stream: Stream, hash: string): Shard {
  let low = 0;
  let high = stream.open.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((stream.open[middle]?.firstHash ?? '') <= hash) low = middle;
    else high = middle - 1;
  }
  const shard = stream.open[low];
  if (shard === undefined) throw new Error(`stream ${stream.name} has no open shard`);
  return shard;
}

/** Finds a shard's children, in the order in which they were made. */
export function childrenOf(stream: Stream, shard: Shard): Shard[] {
  return stream.shards.filter((other) => other.parents.includes(shard.shardId));
}

export function requireActive(stream: Stream, accountId: string): void {
  if (stream.status === 'ACTIVE') return;
  throw new LogError(
    'ResourceInUseException',
    `Stream ${stream.name} under account ${accountId} not ACTIVE, instead in state ${stream.status}`,
  );
}
