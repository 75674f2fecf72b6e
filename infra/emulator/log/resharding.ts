import { evenStarts, type HashKeyRange } from './hash-keys.ts';
import { close, newShard, type Shard } from './shard.ts';
import type { Stream } from './stream.ts';

/** Makes a shard of a stream: its first ones, and the children of those that are closed. */
export type AddShard = (range: HashKeyRange, parents: readonly Shard[]) => Shard;

export function shardAdder(stream: Stream, seed: string, atMillis: number): AddShard {
  return (hashKeys, parents) => {
    for (const parent of parents) close(parent, atMillis);
    const shard = newShard({ index: stream.shards.length, hashKeys, createdMillis: atMillis, parents, seed });
    stream.shards.push(shard);
    stream.open = [...stream.open.filter((other) => !parents.includes(other)), shard].sort((a, b) =>
      a.hashKeys.start < b.hashKeys.start ? -1 : 1,
    );
    return shard;
  };
}

export function split(shard: Shard, newStart: bigint, addShard: AddShard): void {
  addShard({ start: shard.hashKeys.start, end: newStart - 1n }, [shard]);
  addShard({ start: newStart, end: shard.hashKeys.end }, [shard]);
}

/** The first one named is the parent, the other one the adjacent parent. */
export function merge(shard: Shard, adjacent: Shard, addShard: AddShard): void {
  const [lower, upper] = shard.hashKeys.start < adjacent.hashKeys.start ? [shard, adjacent] : [adjacent, shard];
  addShard({ start: lower.hashKeys.start, end: upper.hashKeys.end }, [shard, adjacent]);
}

export function areAdjacent(a: Shard, b: Shard): boolean {
  return a.hashKeys.end + 1n === b.hashKeys.start || b.hashKeys.end + 1n === a.hashKeys.start;
}

/**
 * Splits and merges single shards until `count` equal ones are open. As with the service, this leaves shards that lived for a moment
 * only, when the count is not a multiple.
 */
export function rescale(stream: Stream, count: number, addShard: AddShard): void {
  const starts = evenStarts(count);
  for (const start of starts) {
    const shard = stream.open.find(({ hashKeys }) => hashKeys.start < start && start <= hashKeys.end);
    if (shard !== undefined) split(shard, start, addShard);
  }
  const wanted = new Set(starts);
  for (;;) {
    const surplus = stream.open.findIndex(({ hashKeys }) => !wanted.has(hashKeys.start));
    const [lower, upper] = [stream.open[surplus - 1], stream.open[surplus]];
    if (lower === undefined || upper === undefined) return;
    merge(lower, upper, addShard);
  }
}
