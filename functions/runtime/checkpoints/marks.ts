/**
 * The marks of one shard's reader: the highest sequence seen of each source, by hash range. A shard that was split or
 * merged gives its child several ranges, because the higher of two parents' marks would lose what the other parent had
 * not got yet.
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
  /**
   * The arrival of the record that showed that the source has ended: another generation of it is at work, or the shard
   * that it reads is drained. Gone again with its next event.
   */
  readonly endedMillis?: number;
}

/**
 * A passing source is one process of a pushed source (`/<pipeline>/<step>/process/<id>`): Lambda makes new ones all the
 * time and none comes back. It appends an event again only within the request that brought it, so a mark may go 15
 * minutes after its last event. Judged by the records' time: by the clock, a rerun would decide otherwise than the run
 * it repeats.
 */
const PASSING = /^\/[^/]+\/[^/]+\/process\//;
const PASSING_MILLIS = 15 * 60_000;

/**
 * How long a source that has ended may still repeat itself: a process of it that was at work may append until its
 * function's time is over, 15 minutes at most, and nothing that was sent arrives much later. Its events before that
 * stay dropped, and after it there are none. (Code that is rolled back goes on under the older generation from the
 * position that the newer one has left.) No other time ends a mark of a step of ours: a step that is paused, or whose
 * function fails, may repeat its last batch after days.
 */
const ENDED_MILLIS = 60 * 60_000;

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
  const { source, sequence, arrivalMillis } = sighting;
  const { marks } = rangeFor(ranges, sighting.hash);
  const mark = marks.get(source);
  if (mark !== undefined && sequence <= mark.sequence) return false;
  // A source that has a mark is passing when its mark says so.
  const passing = mark === undefined ? PASSING.test(source) : mark.seenMillis !== undefined;
  if (passing) marks.set(source, { sequence, seenMillis: arrivalMillis });
  else {
    if (mark === undefined || mark.endedMillis !== undefined) endOtherGenerations(marks, source, arrivalMillis);
    marks.set(source, { sequence });
  }
  return true;
}

/**
 * A step has one generation at work, but for the minutes of a deployment: an event of one of them says that the others
 * have ended.
 */
function endOtherGenerations(marks: Map<string, Mark>, source: string, arrivalMillis: number): void {
  const input = inputOf(source);
  for (const [other, mark] of marks) {
    if (other !== source && mark.endedMillis === undefined && inputOf(other) === input && !PASSING.test(other))
      marks.set(other, { ...mark, endedMillis: arrivalMillis });
  }
}

/** A source without its generation: `/<pipeline>/<step>/<what it reads>`. */
function inputOf(source: string): string {
  return source.slice(0, source.lastIndexOf('/'));
}

/**
 * A step upstream has drained the shard that these sources read: `/<pipeline>/<step>/<stream's incarnation>/<shard>`.
 */
export function endInput(ranges: readonly MarkRange[], input: string, arrivalMillis: number): void {
  for (const { marks } of ranges) {
    for (const [source, mark] of marks) {
      if (mark.endedMillis === undefined && inputOf(source) === input)
        marks.set(source, { ...mark, endedMillis: arrivalMillis });
    }
  }
}

/** The inputs of the sources that have not ended. */
export function openInputs(ranges: readonly MarkRange[]): ReadonlySet<string> {
  const inputs = new Set<string>();
  for (const { marks } of ranges) {
    for (const [source, { endedMillis }] of marks) {
      if (endedMillis === undefined && !PASSING.test(source)) inputs.add(inputOf(source));
    }
  }
  return inputs;
}

/**
 * Drops the marks of sources that have passed or ended, by the time of this record. Ranges are never joined, though
 * their marks be the same: a writer that still knows the shards before a merge may append to one of its parents' ranges
 * ahead of the other.
 */
export function dropPassedMarks(ranges: readonly MarkRange[], recordMillis: number): void {
  for (const { marks } of ranges) {
    for (const [source, { seenMillis, endedMillis }] of marks) {
      const passed = seenMillis !== undefined && recordMillis - seenMillis > PASSING_MILLIS;
      const ended = endedMillis !== undefined && recordMillis - endedMillis > ENDED_MILLIS;
      if (passed || ended) marks.delete(source);
    }
  }
}

export function rangeFor(ranges: readonly MarkRange[], hash: () => bigint): MarkRange {
  const [only] = ranges;
  if (ranges.length === 1 && only !== undefined) return only;
  const key = hash();
  // A foreign record put with an explicit hash key may lie outside: any range will do, as long as it is always the same
  // one.
  const found = ranges.find(({ from, to }) => key >= from && key <= to) ?? only;
  if (found === undefined) throw new RangeError('a shard without a range of marks');
  return found;
}
