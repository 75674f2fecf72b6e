import type { MarkRange } from './marks.ts';

/**
 * The marks of producers that are not ours, in a stream that is `idempotent`: the highest sequence of each, a whole
 * number, compared as one. A producer has one request in flight at a time, and sends again what it got no answer for
 * before anything later: then what is not higher than its mark has been taken. The marks of the most recent 2,000
 * sources are kept, so of one that is silent for longer a repeat may count again. Which these are is decided by the
 * records' times, at a commit: a rerun decides the same.
 */
export const MOST_FOREIGN_SOURCES = 2_000;

/**
 * They are kept in pages, each with the sources that hash into it; a page is stored when a mark in it has moved
 * (mark-pages.ts).
 */
export const PAGES = 32;

export interface ForeignMark {
  readonly source: string;
  /** The first hash of the range that it is for. */
  readonly from: bigint;
  readonly sequence: bigint;
  /** When the record of the last event arrived. */
  readonly seenMillis: number;
}

export interface ForeignMarks {
  /** By page: the version that is committed, or is to be. */
  readonly versions: ReadonlyMap<number, string>;
  /** Undefined: not loaded, because nobody asks for them here. */
  readonly marks: ReadonlyMap<string, ForeignMark> | undefined;
  /** Pages that hold something else than their version does. */
  readonly changed: ReadonlySet<number>;
}

export const NO_FOREIGN_MARKS: ForeignMarks = { versions: new Map(), marks: new Map(), changed: new Set() };

/** Marks that move with a batch, while those that it began with stand for what is committed. */
export interface MovingForeignMarks {
  /** Takes an event: false when it is a repeat. One whose sequence is no whole number is always taken. */
  take(event: {
    readonly source: string;
    readonly sequence: string;
    readonly range: Pick<MarkRange, 'from'>;
    readonly arrivalMillis: number;
  }): boolean;
  /** What is to be committed. */
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
 * A shard's marks out of those of its parents: for each of its ranges, what was kept for the range that it is a part
 * of.
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

/** The same for the same source, always: it is where its mark is stored. */
export function pageOf(source: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < source.length; index++) hash = Math.imul(hash ^ source.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % PAGES;
}

function keyOf(source: string, from: bigint): string {
  return `${from.toString(16)} ${source}`;
}

/** As many digits as any counter or clock has. */
function wholeNumber(text: string): bigint | undefined {
  return /^[+-]?\d{1,38}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
}

function oldestFirst([, one]: [string, ForeignMark], [, other]: [string, ForeignMark]): number {
  return one.seenMillis - other.seenMillis || (one.source < other.source ? -1 : 1);
}
