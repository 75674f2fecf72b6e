import type { StreamPlan } from '../../pipelines/streams.ts';
import type { Target } from '../target.ts';
import type { CompareOptions } from './compare-options.ts';
import type { Difference, DifferentField, RowCounts, Side } from './comparison.ts';
import type { MatchRow } from './matching.ts';
import { dataOf, nameEvents, openPlaces, type ReadPlace } from './name-events.ts';
import type { RowStore } from './row-store.ts';
import { readUnprocessed, type Standing } from './standing.ts';
import {
  ALL_ROWS,
  COUNT_FOUND,
  COUNT_SAME,
  FIND,
  LEAVE_WAITING,
  LOOSE,
  leaveOut,
  reduceEvents,
  shown,
} from './statements.ts';
import type { SinkView, StoredEvent } from './stored-rows.ts';

interface Stored {
  readonly store: RowStore;
  readonly views: Readonly<Record<Side, SinkView>>;
  readonly match: MatchRow;
  readonly standings: Readonly<Record<Side, Standing>>;
  /** The names of what is compared. */
  readonly fields: readonly string[];
  /** True when rows are matched by a list of values. */
  readonly isListed: boolean;
  readonly options: CompareOptions;
}

/** A row of `found`. */
interface Found {
  readonly id: string;
  readonly least_a: string | null;
  readonly most_a: string | null;
  readonly least_b: string | null;
  readonly most_b: string | null;
  readonly event: string | null;
  readonly unknown: string | null;
  readonly kind: Difference['kind'];
  readonly times_a: number;
  readonly times_b: number;
}

/** Finds which of the stored rows differ, and why some of them may. */
export async function findDifferences(
  stored: Stored,
): Promise<{ readonly counts: Omit<RowCounts, 'unmatched'>; readonly differences: readonly Difference[] }> {
  const { store, views, options } = stored;
  const { onProgress, limit } = options;
  onProgress({ doing: 'comparing', done: 0 });
  const kept = eventsAgainstLatest(views);
  await store.run(kept === undefined ? ALL_ROWS : reduceEvents(kept));
  await store.run(FIND);
  const alike = await leaveLoose(stored);
  const before = await store.ask<CountedClass>(COUNT_FOUND);
  if (before.some((one) => one.class === 'differs')) await leaveWaiting(stored);
  const counted = await store.ask<CountedClass>(COUNT_FOUND);
  const [same] = await store.ask<{ readonly count: number }>(COUNT_SAME);
  const differences = (await store.ask<Found>(shown(limit))).map((found) => differenceOf(found, stored));
  return {
    counts: countsOf(counted, (same?.count ?? 0) + alike),
    differences: options.searches ? await withEvents(differences, stored) : differences.map(withoutRaw),
  };
}

/** Returns the side that keeps rows of events, where the other one keeps the latest of each key. */
function eventsAgainstLatest({ a, b }: Readonly<Record<Side, SinkView>>): Side | undefined {
  if (a.keeps === b.keeps) return undefined;
  return a.keeps === 'events' ? 'a' : 'b';
}

const AT_ONCE = 1_000;

/** Leaves out rows that differ in fields alone which the last event did not have. Returns how many. */
async function leaveLoose({ store, fields }: Stored): Promise<number> {
  const loose = await store.ask<Found>(LOOSE);
  const alike = loose.filter((found) => {
    const unknown = JSON.parse(found.unknown ?? '[]') as readonly string[];
    const [a, b] = rowsOf(found);
    return a !== null && b !== null && differentFields(a, b, fields).every(({ field }) => unknown.includes(field));
  });
  for (let at = 0; at < alike.length; at += AT_ONCE)
    await store.run(leaveOut(alike.slice(at, at + AT_ONCE).map(({ id }) => id)));
  return alike.length;
}

async function leaveWaiting({ store, views, match, standings, options }: Stored): Promise<void> {
  const { target, onProgress, signal } = options;
  let done = 0;
  {
    using touched = await store.openTouched();
    await readUnprocessed(
      { target, step: views.a.step, standings: [standings.a, standings.b] },
      ({ id: own, key, dataBytes }) => {
        const { id } = match({ data: dataOf(dataBytes), event: { id: own, key } });
        if (id !== undefined) touched.add(id);
        done += 1;
        if (done % REPORTED_EVERY === 0) onProgress({ doing: 'reading unprocessed events', done });
      },
      signal,
    );
  }
  await store.run(LEAVE_WAITING);
}

const REPORTED_EVERY = 10_000;

interface CountedClass {
  readonly class: 'differs' | 'waits' | 'unclear';
  readonly kind: Difference['kind'];
  readonly count: number;
}

function countsOf(counted: readonly CountedClass[], same: number): Omit<RowCounts, 'unmatched'> {
  const sum = (of: Partial<CountedClass>): number =>
    counted
      .filter((one) => (of.class ?? one.class) === one.class && (of.kind ?? one.kind) === one.kind)
      .reduce((total, { count }) => total + count, 0);
  const differing = (kind: Difference['kind']): number => sum({ class: 'differs', kind });
  return {
    same,
    onlyA: differing('only-a'),
    onlyB: differing('only-b'),
    doubled: differing('doubled'),
    differs: differing('differs'),
    waits: sum({ class: 'waits' }),
    unclear: sum({ class: 'unclear' }),
  };
}

interface RawDifference extends Difference {
  /** As it is in the store. */
  readonly raw: string;
}

function differenceOf(found: Found, { fields, isListed }: Stored): RawDifference {
  const [a, b] = rowsOf(found);
  const event = found.event === null ? undefined : (JSON.parse(found.event) as StoredEvent);
  return {
    raw: found.id,
    kind: found.kind,
    id: isListed ? (JSON.parse(found.id) as readonly (string | null)[]) : [found.id],
    times: { a: found.times_a, b: found.times_b },
    fields: differentFields(a, b, fields),
    ...(event === undefined ? {} : { event }),
  };
}

/** Picks a row of each side. Of rows that several events have, those that differ. */
function rowsOf({ least_a, most_a, least_b, most_b }: Found): readonly [string | null, string | null] {
  const a = least_a === least_b || least_a === most_b ? most_a : least_a;
  const b = least_b === least_a || least_b === most_a ? most_b : least_b;
  return [a, b];
}

function differentFields(a: string | null, b: string | null, fields: readonly string[]): readonly DifferentField[] {
  const valuesOf = (row: string | null): readonly (string | null)[] =>
    row === null ? [] : (JSON.parse(row) as readonly (string | null)[]);
  const [ofA, ofB] = [valuesOf(a), valuesOf(b)];
  const names = fields.length === 0 ? ['data'] : fields;
  return names.flatMap((field, index) => {
    const values = { field, a: ofA[index] ?? null, b: ofB[index] ?? null };
    return values.a === values.b ? [] : [values];
  });
}

/** Finds the events of rows that do not say theirs. */
async function withEvents(
  differences: readonly RawDifference[],
  { views, match, options }: Stored,
): Promise<readonly Difference[]> {
  const { target, onProgress, signal } = options;
  const of: { readonly target: Target; readonly stream: StreamPlan } = { target, stream: views.a.step.input.stream };
  const known = await placedEvents(differences, of, signal);
  const nameless = differences.filter((difference) => difference.event?.id === undefined && !known.has(difference));
  if (nameless.length === 0) return differences.map((one) => withoutRaw({ ...one, ...known.get(one) }));
  const ids = new Set(nameless.map(({ raw }) => raw));
  const onRead = (done: number): void => onProgress({ doing: 'searching events', done });
  const found = await nameEvents({ ...of, ids, match, onRead }, signal);
  return differences.map((difference) => {
    const event = known.get(difference)?.event ?? found.get(difference.raw) ?? difference.event;
    return withoutRaw(event === undefined ? difference : { ...difference, event });
  });
}

/** Reads the events of rows that say where theirs is. */
async function placedEvents(
  differences: readonly RawDifference[],
  of: { readonly target: Target; readonly stream: StreamPlan },
  signal: AbortSignal,
): Promise<ReadonlyMap<RawDifference, { readonly event: StoredEvent }>> {
  const found = new Map<RawDifference, { readonly event: StoredEvent }>();
  let readPlace: ReadPlace | undefined;
  for (const difference of differences) {
    const { event: { id: known, place } = {} } = difference;
    if (known !== undefined || place === undefined) continue;
    readPlace ??= await openPlaces(of, signal);
    const event = await readPlace(place);
    if (event !== undefined) found.set(difference, { event: { ...event, place } });
  }
  return found;
}

function withoutRaw({ raw: _, ...difference }: RawDifference): Difference {
  return difference;
}
