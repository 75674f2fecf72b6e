import type { HashRange } from '../event.ts';

/**
 * The marks of the reader of one shard: the highest sequence that it has seen of each source, by hash range. After a
 * split or a merge, the child has several ranges. With the higher of two parents' marks for both ranges, it would lose
 * events that came through the other parent.
 */
export interface MarkRange {
  /** The first and the last of the 128-bit hash keys that these marks are for. */
  readonly from: bigint;
  readonly to: bigint;
  readonly marks: Map<string, Mark>;
  /** Marks that are stored apart from the state (runs.ts). They count where `marks` has none of the same source. */
  readonly older?: ReadonlyMap<string, Mark>;
}

export interface Mark {
  readonly sequence: string;
  /** The arrival time of the record with the last event, in milliseconds since 1970. Kept for passing sources only. */
  readonly seenMillis?: number;
  /**
   * The arrival time of the record that showed that the source has ended, because another generation of it is at work
   * or the shard that it reads is drained. Removed again with the source's next event.
   */
  readonly endedMillis?: number;
}

/**
 * Matches a passing source: one process of a pushed source (`/<pipeline>/<step>/process/<id>`). Lambda starts new
 * processes all the time, and none comes back. A process repeats an event only within the request that brought the
 * event, so its mark may go 15 minutes after its last event. The age is judged by the times of records: judged by the
 * clock, a rerun would decide differently from the run that it repeats.
 */
const PASSING = /^\/[^/]+\/[^/]+\/process\//;
const PASSING_MILLIS = 15 * 60_000;

/**
 * The time for which an ended source may still repeat events. A process of it that was at work may append until its
 * function's time is over, 15 minutes at most, and a request that it has sent arrives little later. Until then its
 * duplicates are still dropped; after that there are none. (When code is rolled back, the older generation goes on from
 * the position that the newer one has reached.) No other time ends a mark of our own steps: a step that is paused, or
 * whose function fails, may repeat its last batch after days.
 */
const ENDED_MILLIS = 60 * 60_000;

/** Makes the marks of a shard that nobody has read: one empty range. */
export function noMarks(from: bigint, to: bigint): readonly MarkRange[] {
  return [{ from, to, marks: new Map() }];
}

export function copyMarks(ranges: readonly MarkRange[]): readonly MarkRange[] {
  return ranges.map((range) => ({ ...range, marks: new Map(range.marks) }));
}

/** Lists the marks that count, by source. */
export function* marksOf({ marks, older }: MarkRange): Generator<readonly [source: string, mark: Mark]> {
  yield* marks;
  for (const entry of older ?? []) if (!marks.has(entry[0])) yield entry;
}

/** Returns the marks of a parent that are for the hash range of a child. */
export function marksWithin(ranges: readonly MarkRange[], from: bigint, to: bigint): readonly MarkRange[] {
  return ranges.flatMap((range) => {
    const low = range.from > from ? range.from : from;
    const high = range.to < to ? range.to : to;
    return low <= high ? [{ from: low, to: high, marks: new Map(marksOf(range)) }] : [];
  });
}

/** An event of a deduplicated source, about to be taken. */
export interface Sighting {
  readonly source: string;
  readonly sequence: string;
  /** Computes the hash of the event's key. Called only where there is more than one range. */
  readonly hash: () => bigint;
  readonly arrivalMillis: number;
}

/** Takes an event and moves the mark. Returns false, and moves nothing, when an event at or after it has been taken. */
export function takeMark(ranges: readonly MarkRange[], sighting: Sighting): boolean {
  const { source, sequence, arrivalMillis } = sighting;
  const range = rangeFor(ranges, sighting.hash);
  const { marks, older } = range;
  const mark = marks.get(source) ?? older?.get(source);
  if (mark !== undefined && sequence <= mark.sequence) return false;
  // The mark itself shows whether its source is passing.
  const passing = mark === undefined ? PASSING.test(source) : mark.seenMillis !== undefined;
  if (passing) marks.set(source, { sequence, seenMillis: arrivalMillis });
  else {
    if (mark === undefined || mark.endedMillis !== undefined) endOtherGenerations(range, source, arrivalMillis);
    marks.set(source, { sequence });
  }
  return true;
}

/**
 * Marks the other generations of a source as ended. A step has one generation at work, except for the minutes of a
 * deployment, so an event of one generation shows that the others have ended.
 */
function endOtherGenerations(range: MarkRange, source: string, arrivalMillis: number): void {
  const input = inputOf(source);
  end(range, arrivalMillis, (other) => other !== source && other.startsWith(input) && inputOf(other) === input);
}

/** Marks the sources of steps that are chosen by their names as ended. Processes pass by themselves. */
function end(range: MarkRange, arrivalMillis: number, isChosen: (source: string) => boolean): void {
  for (const [source, mark] of marksOf(range)) {
    const { endedMillis, seenMillis } = mark;
    if (endedMillis === undefined && seenMillis === undefined && isChosen(source))
      range.marks.set(source, { ...mark, endedMillis: arrivalMillis });
  }
}

/** Returns the source without its generation: `/<pipeline>/<step>/<what it reads>`. */
function inputOf(source: string): string {
  return source.slice(0, source.lastIndexOf('/'));
}

/**
 * Marks sources as ended when the step upstream has drained the shard that they read: `/<pipeline>/<step>/<stream's
 * incarnation>/<shard>`.
 */
export function endInput(ranges: readonly MarkRange[], input: string, arrivalMillis: number): void {
  for (const range of ranges)
    end(range, arrivalMillis, (source) => source.startsWith(input) && inputOf(source) === input);
}

/** Returns the inputs of the sources that have not ended. */
export function openInputs(ranges: readonly MarkRange[]): ReadonlySet<string> {
  const inputs = new Set<string>();
  for (const range of ranges) {
    for (const [source, { seenMillis, endedMillis }] of marksOf(range)) {
      if (endedMillis === undefined && seenMillis === undefined) inputs.add(inputOf(source));
    }
  }
  return inputs;
}

/**
 * Drops the marks of sources that have passed or ended by the time of this record. Ranges are never joined, even when
 * their marks are the same: a writer that still knows the shards before a merge may append to the range of one parent
 * ahead of the other. A mark that has an older one behind it stays, because that one would count again.
 */
export function dropPassedMarks(ranges: readonly MarkRange[], recordMillis: number): void {
  for (const { marks, older } of ranges) {
    for (const [source, mark] of marks) {
      if (hasPassed(mark, recordMillis) && !older?.has(source)) marks.delete(source);
    }
  }
}

/** Tells whether the source of a mark has passed or ended by the time of a record. */
export function hasPassed({ seenMillis, endedMillis }: Mark, recordMillis: number): boolean {
  return (
    (seenMillis !== undefined && recordMillis - seenMillis > PASSING_MILLIS) ||
    (endedMillis !== undefined && recordMillis - endedMillis > ENDED_MILLIS)
  );
}

/** Returns the ranges that a part of the hash space meets, and the part of each that lies within. */
export function rangesWithin(
  ranges: readonly MarkRange[],
  { from, to }: HashRange,
): readonly { readonly range: MarkRange; readonly part: HashRange }[] {
  return ranges.flatMap((range) => {
    const part = { from: range.from > from ? range.from : from, to: range.to < to ? range.to : to };
    return part.from <= part.to ? [{ range, part }] : [];
  });
}

export function rangeFor(ranges: readonly MarkRange[], hash: () => bigint): MarkRange {
  const [only] = ranges;
  if (ranges.length === 1 && only !== undefined) return only;
  const key = hash();
  // A record of another producer, put with an explicit hash key, may lie outside. Any range will do, if it is always
  // the same one.
  const found = ranges.find(({ from, to }) => key >= from && key <= to) ?? only;
  if (found === undefined) throw new RangeError('a shard without a range of marks');
  return found;
}
