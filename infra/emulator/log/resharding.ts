import { evenStarts, type HashKeyRange } from './hash-keys.ts';
import { close, newShard, type Shard } from './shard.ts';
import type { Stream } from './stream.ts';

/** Adds a shard to a stream: a first one without parents, or a child. A child closes its parents. */
export type AddShard = (range: HashKeyRange, parents: readonly Shard[]) => Shard;

/** Changes the shards of a stream. The seed decides the sequence numbers of new ones. */
export function reshard(
  stream: Stream,
  at: { seed: string; millis: number },
  change: (addShard: AddShard) => void,
): void {
  change((hashKeys, parents) => {
    for (const parent of parents) close(parent, at.millis);
    const index = stream.shards.length;
    const shard = newShard({ index, hashKeys, createdMillis: at.millis, parents, seed: at.seed });
    stream.shards.push(shard);
    return shard;
  });
  stream.open = openShards(stream);
}

/** Splits a shard in two. Returns the upper child. */
export function split(shard: Shard, newStart: bigint, addShard: AddShard): Shard {
  addShard({ start: shard.hashKeys.start, end: newStart - 1n }, [shard]);
  return addShard({ start: newStart, end: shard.hashKeys.end }, [shard]);
}

/** Merges two shards. The first one becomes the child's parent, the second one its adjacent parent. */
export function merge(shard: Shard, adjacent: Shard, addShard: AddShard): Shard {
  const [lower, upper] = shard.hashKeys.start < adjacent.hashKeys.start ? [shard, adjacent] : [adjacent, shard];
  return addShard({ start: lower.hashKeys.start, end: upper.hashKeys.end }, [shard, adjacent]);
}

export function areAdjacent(a: Shard, b: Shard): boolean {
  return a.hashKeys.end + 1n === b.hashKeys.start || b.hashKeys.end + 1n === a.hashKeys.start;
}

/**
 * Splits and merges single shards until `count` equal ones are open. When the old ranges do not fit the new ones, this
 * leaves shards that lived only for a moment, as it does in Kinesis.
 */
export function rescale(stream: Stream, count: number, addShard: AddShard): void {
  const starts = evenStarts(count);
  let next = 0;
  for (const shard of openShards(stream)) {
    let rest = shard;
    for (let start = starts[next]; start !== undefined && start <= shard.hashKeys.end; start = starts[++next]) {
      if (start > shard.hashKeys.start) rest = split(rest, start, addShard);
    }
  }
  const wanted = new Set(starts);
  let lower: Shard | undefined;
  for (const shard of openShards(stream)) {
    lower = lower === undefined || wanted.has(shard.hashKeys.start) ? shard : merge(lower, shard, addShard);
  }
}

function openShards(stream: Stream): Shard[] {
  return stream.shards
    .filter((shard) => shard.closed === undefined)
    .sort((a, b) => (a.hashKeys.start < b.hashKeys.start ? -1 : 1));
}
