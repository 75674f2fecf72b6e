import type { MarkRange } from './marks.ts';

/**
 * The marks of other producers, in a stream that is `idempotent`: the highest sequence of each. These sequences are
 * whole numbers, and compared as numbers. A producer has one request in flight at a time, and repeats an unanswered one
 * before it sends anything later. So an event that is not higher than its producer's mark is a duplicate. The marks of
 * the most recent 2,000 sources are kept: a duplicate of a source that has been silent for longer may count again.
 * Which sources these are is decided by the times of records, at a commit, so a rerun decides the same.
 */
export const MOST_FOREIGN_SOURCES = 2_000;

/**
 * The marks are kept in pages. A source hashes into one page, and a page is stored when a mark in it has moved
 * (mark-pages.ts).
 */
export const PAGES = 32;

export interface ForeignMark {
  readonly source: string;
  /** The first hash of the range that the mark is for. */
  readonly from: bigint;
  readonly sequence: bigint;
  /** The arrival time of the record with the last event. */
  readonly seenMillis: number;
}

export interface ForeignMarks {
  /** The version of each page that is committed, or is going to be. */
  readonly versions: ReadonlyMap<number, string>;
  /** Undefined when the marks are not loaded, because nobody needs them here. */
  readonly marks: ReadonlyMap<string, ForeignMark> | undefined;
  /** The pages whose marks differ from their version. */
  readonly changed: ReadonlySet<number>;
}

export const NO_FOREIGN_MARKS: ForeignMarks = { versions: new Map(), marks: new Map(), changed: new Set() };

/** Marks that move with a batch. The marks that the batch began with stay as they are: they are the committed ones. */
export interface MovingForeignMarks {
  /**
   * Takes an event and moves the mark. Returns false for a duplicate. An event whose sequence is no whole number is
   * always taken.
   */
  take(event: {
    readonly source: string;
    readonly sequence: string;
    readonly range: Pick<MarkRange, 'from'>;
    readonly arrivalMillis: number;
  }): boolean;
  /** Returns the marks to commit. */
  state(): ForeignMarks;
}

export function moveForeignMarks(
  { versions, changed: changedBefore }: ForeignMarks,
  committed: ReadonlyMap<string, ForeignMark>,
): MovingForeignMarks {
  const marks = new Map(committed);
  const changed = new Set(changedBefore);
  return {
    take({ source, sequence: text, range: { from }, arrivalMillis: seenMillis }) {
      const sequence = wholeNumber(text);
      if (sequence === undefined) return true;
      const key = keyOf(source, from);
      const mark = marks.get(key);
      if (mark !== undefined && sequence <= mark.sequence) return false;
      marks.set(key, { source, from, sequence, seenMillis });
      changed.add(pageOf(source));
      return true;
    },
    state() {
      const surplus = marks.size - MOST_FOREIGN_SOURCES;
      const gone = surplus > 0 ? [...marks].sort(oldestFirst).slice(0, surplus) : [];
      for (const [key, { source }] of gone) {
        marks.delete(key);
        changed.add(pageOf(source));
      }
      return { versions, marks, changed };
    },
  };
}

/**
 * Makes the marks of a shard from those of its parents. Each range gets the marks of the parent's range that it is a
 * part of.
 */
export function inheritForeignMarks(
  ranges: readonly MarkRange[],
  parents: readonly { readonly ranges: readonly MarkRange[]; readonly marks: Iterable<ForeignMark> }[],
): ForeignMarks {
  const marks = new Map<string, ForeignMark>();
  for (const parent of parents) {
    for (const mark of parent.marks) {
      const of = parent.ranges.find(({ from }) => from === mark.from);
      const parts = ranges.filter(({ from, to }) => of !== undefined && from >= of.from && to <= of.to);
      for (const { from } of parts) marks.set(keyOf(mark.source, from), { ...mark, from });
    }
  }
  const changed = new Set([...marks.values()].map(({ source }) => pageOf(source)));
  return { versions: new Map(), marks, changed };
}

export function foreignMarks(marks: Iterable<ForeignMark>): ReadonlyMap<string, ForeignMark> {
  return new Map([...marks].map((mark) => [keyOf(mark.source, mark.from), mark]));
}

/** Returns the page of a source. The mark of a source is stored there, so this function never changes. */
export function pageOf(source: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < source.length; index++) hash = Math.imul(hash ^ source.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % PAGES;
}

function keyOf(source: string, from: bigint): string {
  return `${from.toString(16)} ${source}`;
}

/** Allows as many digits as any counter or clock has. */
function wholeNumber(text: string): bigint | undefined {
  return /^[+-]?\d{1,38}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
}

function oldestFirst([, one]: [string, ForeignMark], [, other]: [string, ForeignMark]): number {
  return one.seenMillis - other.seenMillis || (one.source < other.source ? -1 : 1);
}
