import { type MarkPage, type PageMark, type PageName, pageOfMarks } from './mark-pages.ts';
import { hasPassed, type Mark, type MarkRange } from './marks.ts';

/**
 * Marks of our own steps that are not in the text of a state any more. A state has one item of 400 KB, and an HTTP
 * source alone may leave tens of thousands of marks. So a commit that finds too many of them in its state moves these
 * into runs: pages that are written once. A mark that moves on later is in the state again, and then in a later run.
 * Of several marks of a source, the state's counts, or else that of the last run. Nothing is evicted for its number.
 *
 * A run of which less than half still counts is given up: the same commit writes the rest of it again. So all runs
 * together have at most twice as much as counts, and a mark is rarely written more than twice.
 */
export interface Run extends PageName {
  /** Undefined when the run is not loaded, because nobody needs its marks here. */
  readonly marks: readonly PageMark[] | undefined;
}

export interface MarkLimits {
  /** The most bytes of marks in a state. */
  readonly stateBytes: number;
  /** The most bytes of a run. A page has up to eight versions, in one item of 400 KB. */
  readonly runBytes: number;
}

export const MARK_LIMITS: MarkLimits = { stateBytes: 64 * 1_024, runBytes: 32 * 1_024 };

interface Marks {
  readonly marks: readonly MarkRange[];
  readonly runs?: readonly Run[] | undefined;
}

/**
 * Moves the marks of a state into runs when they are too many for it. `recordMillis` tells which marks have passed, and
 * `revision` is that of the state that this one replaces.
 */
export function spilled(
  { marks: ranges, runs = [] }: Marks,
  at: { readonly recordMillis: number; readonly revision: number; readonly limits: MarkLimits },
): (Marks & { readonly pages: readonly MarkPage[] }) | undefined {
  const { recordMillis, revision, limits } = at;
  const recent = ranges.flatMap(({ from, marks }) => [...marks].map(([source, mark]) => asStored(source, from, mark)));
  if (sizeOf(recent) <= limits.stateBytes) return undefined;
  const { kept, rest } = worthKeeping(runs, recent, recordMillis);
  const inKept = new Set(kept.flatMap(({ marks }) => (marks ?? []).map(keyOf)));
  // A mark that has passed stays while an older one of its source would appear in its place.
  const toWrite = [...rest, ...recent].filter(
    (mark) => !hasPassed(asMark(mark), recordMillis) || inKept.has(keyOf(mark)),
  );
  const free = freeNames(runs);
  const pages = portionsOf(toWrite, limits.runBytes).map((marks) => pageOfMarks(free.next().value, marks, revision));
  const all = [...kept, ...pages];
  return {
    marks: withOlder(
      ranges.map(({ from, to }) => ({ from, to, marks: new Map() })),
      all,
    ),
    runs: all,
    pages,
  };
}

/** Sets the marks of loaded runs behind those of the state. */
export function withOlder(ranges: readonly MarkRange[], runs: readonly Run[]): readonly MarkRange[] {
  const older = new Map(ranges.map(({ from }) => [from.toString(16), new Map<string, Mark>()]));
  for (const { marks = [] } of runs) for (const mark of marks) older.get(mark[1])?.set(mark[0], asMark(mark));
  return ranges.map((range) => ({ ...range, older: older.get(range.from.toString(16)) as ReadonlyMap<string, Mark> }));
}

/** Divides the runs into those that stay as they are, and what still counts of the others. */
function worthKeeping(runs: readonly Run[], recent: readonly PageMark[], recordMillis: number) {
  const latest = new Map<string, PageMark>();
  const counts = new Map<string, number>();
  for (const { marks = [] } of runs) {
    for (const mark of marks) {
      const key = keyOf(mark);
      latest.set(key, mark);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  for (const mark of recent) latest.set(keyOf(mark), mark);
  const isLive = (mark: PageMark): boolean => {
    const key = keyOf(mark);
    return latest.get(key) === mark && (!hasPassed(asMark(mark), recordMillis) || counts.get(key) !== 1);
  };
  const kept: Run[] = [];
  const rest: PageMark[] = [];
  for (const run of runs) {
    const { page, version, marks } = run;
    if (marks === undefined) throw new Error(`the run ${page} ${version} of a state's marks is not loaded`);
    const live = marks.filter(isLive);
    if (2 * sizeOf(live) >= sizeOf(marks)) kept.push(run);
    else rest.push(...live);
  }
  return { kept, rest };
}

function portionsOf(marks: readonly PageMark[], bytes: number): readonly (readonly PageMark[])[] {
  const portions: PageMark[][] = [];
  let left = 0;
  for (const mark of marks) {
    const size = sizeOf([mark]);
    if (portions.length === 0 || size > left) {
      portions.push([]);
      left = bytes;
    }
    portions.at(-1)?.push(mark);
    left -= size;
  }
  return portions;
}

/** Yields names of pages that no run has. Names are used again, so there are few. */
function* freeNames(runs: readonly PageName[]): Generator<string, never> {
  const used = new Set(runs.map(({ page }) => page));
  for (let number = 0; ; number++) if (!used.has(nameOfRun(number))) yield nameOfRun(number);
}

const PREFIX = 'run-';

export function nameOfRun(number: number): string {
  return `${PREFIX}${number}`;
}

export function numberOfRun({ page }: PageName): number {
  return Number(page.slice(PREFIX.length));
}

function keyOf([source, from]: PageMark): string {
  return `${from} ${source}`;
}

/** Bounds the bytes of marks, in a state or in a page, from above: a source is ASCII, as names of steps are. */
function sizeOf(marks: readonly PageMark[]): number {
  return marks.reduce((sum, [source, from, sequence]) => sum + source.length + from.length + sequence.length + 40, 0);
}

function asStored(source: string, from: bigint, { sequence, seenMillis, endedMillis }: Mark): PageMark {
  const mark = [source, from.toString(16), sequence, seenMillis ?? null] as const;
  return endedMillis === undefined ? mark : [...mark, endedMillis];
}

function asMark([, , sequence, seenMillis, endedMillis]: PageMark): Mark {
  return {
    sequence,
    ...(seenMillis === null ? {} : { seenMillis }),
    ...(endedMillis === undefined ? {} : { endedMillis }),
  };
}
