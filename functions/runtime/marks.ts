/**
 * The marks of one shard's reader: the highest sequence seen of each source, by hash range. A shard that was split or merged gives
 * its child several ranges, because the higher of two parents' marks would lose what the other parent had not got yet.
 */
export interface MarkRange {
  /** Inclusive bounds of the 128-bit hash keys that these marks are for. */
  readonly from: bigint;
  readonly to: bigint;
  readonly marks: Map<string, Mark>;
}

export interface Mark {
  readonly sequence: string;
  /** When the record of the last event arrived, milliseconds since 1970: kept for passing sources only. */
  readonly seenMillis?: number;
}

/**
 * A passing source is one process of a pushed source (`/<pipeline>/<step>/process/<id>`): Lambda makes new ones all the time and none
 * comes back. It appends an event again only within the request that brought it, so a mark may go 15 minutes after its last event.
 * Judged by the records' time: by the clock, a rerun would decide otherwise than the run it repeats.
 */
const PASSING = /^\/[^/]+\/[^/]+\/process\//;
const PASSING_MILLIS = 15 * 60_000;

/** Marks for a shard that nobody has read: one range, empty. */
export function noMarks(from: bigint, to: bigint): readonly MarkRange[] {
  return [{ from, to, marks: new Map() }];
}

export function copyMarks(ranges: readonly MarkRange[]): readonly MarkRange[] {
  return ranges.map(({ from, to, marks }) => ({ from, to, marks: new Map(marks) }));
}

/** Those marks of a parent that are for the child's hash range. */
export function marksWithin(ranges: readonly MarkRange[], from: bigint, to: bigint): readonly MarkRange[] {
  return ranges.flatMap((range) => {
    const low = range.from > from ? range.from : from;
    const high = range.to < to ? range.to : to;
    return low <= high ? [{ from: low, to: high, marks: new Map(range.marks) }] : [];
  });
}

/** An event of a source that is deduplicated, about to be taken. */
export interface Sighting {
  readonly source: string;
  readonly sequence: string;
  /** The hash of its key: asked for only where there is more than one range. */
  readonly hash: () => bigint;
  readonly arrivalMillis: number;
}

/** Takes an event: true and the mark moves, or false because an event at or after it has been taken. */
export function takeMark(ranges: readonly MarkRange[], sighting: Sighting): boolean {
  const range = rangeFor(ranges, sighting.hash);
  const mark = range.marks.get(sighting.source);
  if (mark !== undefined && sighting.sequence <= mark.sequence) return false;
  range.marks.set(
    sighting.source,
    PASSING.test(sighting.source)
      ? { sequence: sighting.sequence, seenMillis: sighting.arrivalMillis }
      : { sequence: sighting.sequence },
  );
  return true;
}

/** Drops the marks of passing sources that have passed by the time of this record. Marks of our own steps stay: they may be late by days. */
export function dropPassedMarks(ranges: readonly MarkRange[], recordMillis: number): void {
  for (const { marks } of ranges) {
    for (const [source, { seenMillis }] of marks) {
      if (seenMillis !== undefined && recordMillis - seenMillis > PASSING_MILLIS) marks.delete(source);
    }
  }
}

function rangeFor(ranges: readonly MarkRange[], hash: () => bigint): MarkRange {
  const [only] = ranges;
  if (ranges.length === 1 && only !== undefined) return only;
  const key = hash();
  // A foreign record put with an explicit hash key may lie outside: any range will do, as long as it is always the same one.
  const found = ranges.find(({ from, to }) => key >= from && key <= to) ?? only;
  if (found === undefined) throw new RangeError('a shard without a range of marks');
  return found;
}
