import type { HashRange } from '../event.ts';
import { WHOLE_SPACE } from './tick.ts';

/** The time before any tick. */
export const NO_TIME = Number.NEGATIVE_INFINITY;

/** A part of a hash space, and the latest time that is known for it, in milliseconds since 1970. */
export interface Tile extends HashRange {
  readonly millis: number;
}

/**
 * The latest times of a whole hash space: tiles that cover it without gaps and overlaps, in order. Shards that are
 * split or merged need no lineage here: their ticks lay new tiles over the old ones.
 */
export type Tiles = readonly Tile[];

export const NO_TILES: Tiles = [{ ...WHOLE_SPACE, millis: NO_TIME }];

/**
 * The most tiles. Neighbours of one time are one tile, so there are about as many as a stream has shards. Beyond this,
 * two neighbours become one tile with the earlier time: windows then close later, and never too early.
 */
const MOST_TILES = 1_024;

/** Lays a time over a part of the space. No tile goes back. */
export function withTime(tiles: Tiles, { from, to, millis }: Tile): Tiles {
  const parts = tiles.flatMap((tile) =>
    [
      { from: tile.from, to: lesser(tile.to, from - 1n), millis: tile.millis },
      { from: greater(tile.from, from), to: lesser(tile.to, to), millis: Math.max(tile.millis, millis) },
      { from: greater(tile.from, to + 1n), to: tile.to, millis: tile.millis },
    ].filter((part) => part.from <= part.to),
  );
  return fewer(joined(parts, (one, other) => one.millis === other.millis));
}

export function lowestTime(tiles: Iterable<Pick<Tile, 'millis'>>): number {
  let lowest = Number.POSITIVE_INFINITY;
  for (const { millis } of tiles) lowest = Math.min(lowest, millis);
  return lowest;
}

/** Joins neighbours that are the same but for their ranges. */
export function joined<R extends HashRange>(ranges: readonly R[], isSame: (one: R, other: R) => boolean): readonly R[] {
  const result: R[] = [];
  for (const range of ranges) {
    const last = result.at(-1);
    if (last !== undefined && isSame(last, range)) result[result.length - 1] = { ...last, to: range.to };
    else result.push(range);
  }
  return result;
}

/** Fills the gaps between ranges, and before and behind them. The ranges do not overlap, and all lie in the whole. */
export function withoutGaps<R extends HashRange>(
  ranges: readonly R[],
  { from, to }: HashRange,
  gap: (from: bigint, to: bigint) => readonly R[],
): readonly R[] {
  const whole: R[] = [];
  let next = from;
  for (const range of [...ranges].sort((one, other) => (one.from < other.from ? -1 : 1))) {
    if (range.from > next) whole.push(...gap(next, range.from - 1n));
    whole.push(range);
    next = range.to + 1n;
  }
  if (next <= to) whole.push(...gap(next, to));
  return whole;
}

function fewer(tiles: Tiles): Tiles {
  if (tiles.length <= MOST_TILES) return tiles;
  return tiles.flatMap((tile, index) => {
    if (index % 2 === 1) return [];
    const next = tiles[index + 1] ?? tile;
    return [{ from: tile.from, to: next.to, millis: Math.min(tile.millis, next.millis) }];
  });
}

export function lesser(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

export function greater(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
