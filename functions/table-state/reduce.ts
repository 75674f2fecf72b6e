import { EventRejected } from '../runtime/errors.ts';
import type { ReceivedEvent } from '../runtime/event.ts';
import { PORTION } from '../runtime/log/portion.ts';
import { type Position, START_OF_SHARD } from '../runtime/position.ts';
import { type Rejection, rejectionOf as rejectionFor } from '../runtime/rejection.ts';
import { MOST_PAGE_BYTES, type Slice } from '../runtime/sink.ts';
import type { Table } from '../runtime/table.ts';
import { type RowRejection, rejectionOf } from '../sinks/postgres/row-rejection.ts';
import type { SliceChanges } from './changes.ts';
import {
  type Folded,
  type Folding,
  formOf,
  type Given,
  MOST_ROWS,
  openFolding,
  type RowChange,
  readEvents,
  type StoredRow,
} from './fold.ts';
import { foldWaiting } from './fold-waiting.ts';
import type { RedriveCheck } from './redriven.ts';
import { type RowsBetween, spreadEvent, withOthers } from './spread.ts';
import { isWaiting } from './waiting-rows.ts';

/** The rows of one table, inside an open transaction. */
export interface RowStore {
  /** Reads the rows with these ids. Resolves to undefined when they have more than so many bytes together. */
  read(ids: readonly string[], most?: number): Promise<ReadonlyMap<string, StoredRow> | undefined>;
  /** Writes rows after they were read. Resolves to why the database rejects one of them; then it has written none. */
  write(change: RowChange): Promise<RowRejection | undefined>;
  /**
   * Reads the rows of groups that overlap a part of time, `most` of them at most. A group may have several parts.
   */
  near(near: readonly NearRows[], most?: number): Promise<ReadonlyMap<string, StoredRow>>;
  /** Counts the rows of groups. */
  counts(groups: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Reads rows whose ids lie between two others, in the order of their ids. Nobody else changes them. */
  between(rows: RowsBetween): Promise<ReadonlyMap<string, StoredRow>>;
  /** Tells of each range of ids, without its bounds, whether a row lies in it: the indexes of those where one does. */
  occupied(ranges: readonly { readonly above: string; readonly below: string }[]): Promise<ReadonlySet<number>>;
  /** Reads rows of windows that have not closed, the earliest first. */
  due(rows: RowsUntil): Promise<ReadonlyMap<string, StoredRow>>;
  /** Closes the windows of rows that were read: from now on, the table shows them. */
  close(ids: readonly string[]): Promise<void>;
  /** Deletes rows of windows that have closed, the earliest first. Resolves to how many. */
  drop(rows: RowsUntil): Promise<number>;
}

/** A group of rows, and a part of time in which events may touch them, in milliseconds since 1970. */
export interface NearRows {
  readonly group: string;
  readonly from: number;
  readonly to: number;
}

/** The rows of the windows that end at a time or earlier, of events whose hashes are in a range. */
export interface RowsUntil {
  /** In milliseconds since 1970. */
  readonly end: number;
  /** Hashes as `RowWindow` has them. Both bounds are included. */
  readonly from: string;
  readonly to: string;
  readonly most: number;
}

/**
 * So many events are reduced at once, and meet so many rows. Each row is then read once, and written once, however many
 * of the events meet it.
 */
const LARGE_PORTION = { events: 100_000, rows: 100_000 };
/** The same for a table that cannot tell how many bytes its states have: each may have 128 KiB. */
const SMALL_PORTION = { events: 1_000, rows: MOST_ROWS };

/**
 * The most bytes of the rows that are read for a portion, and of those that it changes. An event alone has no limit.
 */
const MOST_BYTES = 32 * 1_024 * 1_024;

/**
 * The most events of a slice that are rejected, because they are committed with the position and stored after that. The
 * slice ends with the last of them.
 */
const MOST_REJECTIONS = PORTION.rejections;

/** What became of a slice. */
export interface Reduced {
  /** In the order of the log. */
  readonly rejections: readonly Rejection[];
  /**
   * Set when the changes of the slice are too many for one page, or its rejections too many: the position of the last
   * event that was reduced.
   */
  readonly upTo?: Position | undefined;
}

/** A table whose rows are reduced. */
interface Reducing {
  readonly store: RowStore;
  readonly table: Pick<Table, 'read' | 'state' | 'windows' | 'sessions' | 'within'>;
  readonly time: Slice['time'];
  readonly changes: SliceChanges | undefined;
  /** The event that does not fit into the slice any more, or not as a whole, if there is one. */
  next: ReceivedEvent | undefined;
  /** How many events may still be rejected. */
  mayReject: number;
}

/** The events of a slice. */
type PagesToReduce = Pick<Slice, 'pages' | 'time'> & {
  readonly changes?: SliceChanges | undefined;
  readonly redriven?: RedriveCheck | undefined;
  /** The position that the slice begins after. Undefined: it begins at the start of the shard. */
  readonly from?: Position | undefined;
};

/**
 * Reduces the events into the rows, in their order. With `changes`, stops before the event whose changes do not fit
 * into the slice's page any more.
 */
export async function reducePages(
  store: RowStore,
  table: Pick<Table, 'read' | 'state' | 'windows' | 'sessions' | 'within'>,
  { pages, time, changes, redriven, from = START_OF_SHARD }: PagesToReduce,
): Promise<Reduced> {
  const rejections: Rejection[] = [];
  const reducing: Reducing = { store, table, time, changes, next: undefined, mayReject: MOST_REJECTIONS };
  let last: Position | undefined;
  for await (const events of portionsFrom(pages, { most: portionOf(table).events, redriven, rejections })) {
    for (const rejection of await reducePortion(reducing, events)) rejections.push(rejection);
    reducing.mayReject = MOST_REJECTIONS - rejections.length;
    if (reducing.next !== undefined) {
      const upTo = events[events.indexOf(reducing.next) - 1]?.position ?? last ?? from;
      return { rejections: sorted(rejections.filter(({ at }) => at <= upTo)), upTo };
    }
    last = events.at(-1)?.position;
  }
  return { rejections: sorted(rejections) };
}

function portionOf(table: Reducing['table']): typeof LARGE_PORTION {
  const isSized = formOf(table).sizeOf !== undefined && table.sessions === undefined && table.within === undefined;
  return isSized ? LARGE_PORTION : SMALL_PORTION;
}

/**
 * Cuts pages into portions, without the events that have counted before. Whether one has may depend on the events just
 * before it, so these are a portion of their own.
 */
async function* portionsFrom(
  pages: Slice['pages'],
  of: {
    readonly most: number;
    readonly redriven: RedriveCheck | undefined;
    readonly rejections: readonly Rejection[];
  },
): AsyncGenerator<readonly ReceivedEvent[], void, undefined> {
  const { most, redriven, rejections } = of;
  let events: ReceivedEvent[] = [];
  for await (const page of pages) {
    for (const event of page) {
      const isConcerned = redriven?.concerns(event) === true;
      if (events.length > 0 && (isConcerned || events.length === most)) {
        yield events;
        events = [];
      }
      if (!isConcerned || !(await redriven.isCounted(event, rejections))) events.push(event);
    }
  }
  if (events.length > 0) yield events;
}

/**
 * Sorts rejections. An event that has missed some windows, and is rejected in the others, is not late: it has counted
 * nowhere, and when it is redriven it is judged again.
 */
function sorted(rejections: readonly Rejection[]): readonly Rejection[] {
  const refused = new Set(rejections.filter(({ reason }) => reason !== 'late').map(({ at }) => at));
  return rejections
    .filter(({ at, reason }) => reason !== 'late' || !refused.has(at))
    .sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** So many events are read and reduced at once, where each is forgotten after that. */
const EVENTS_AT_ONCE = 2_000;

/**
 * Reduces events a few at a time, and writes their rows at the end: what is made of an event on the way is soon
 * garbage, and not in memory as long as the portion. Resolves to undefined when something is in the way: the rows have
 * too many bytes, the database rejects one, the changes do not fit into the page, or there are too many rejections.
 * Nothing has happened then.
 */
async function reduceTogether(
  reducing: Reducing,
  events: readonly ReceivedEvent[],
): Promise<readonly Rejection[] | undefined> {
  const { store, changes } = reducing;
  const folded = await foldTogether(reducing, events);
  if (folded === undefined) return undefined;
  const { rejections, ...change } = folded;
  if (rejections.length > reducing.mayReject || changes?.fits(change, NONE_GIVEN) === false) return undefined;
  if (change.after.size > 0 && (await store.write(change)) !== undefined) return undefined;
  changes?.add(change, NONE_GIVEN);
  reducing.mayReject -= rejections.length;
  return rejections;
}

/** Resolves to undefined when the rows have too many bytes, or too many events cannot be read. */
async function foldTogether(
  { store, table, time, mayReject }: Reducing,
  events: readonly ReceivedEvent[],
): Promise<Folded | undefined> {
  const folding = openFolding(table);
  const unread: Rejection[] = [];
  let bytes = 0;
  for (let start = 0; start < events.length; start += EVENTS_AT_ONCE) {
    const { given, rejections } = readEvents(table, events.slice(start, start + EVENTS_AT_ONCE), time);
    for (const rejection of rejections) unread.push(rejection);
    const rows = await store.read([...idsOf(given, folding)], MOST_BYTES - bytes);
    if (rows === undefined) return undefined;
    for (const { state, row } of rows.values()) bytes += state.length + (row?.length ?? 0);
    folding.addRows(rows);
    if (folding.take(given) > MOST_BYTES || unread.length > mayReject) return undefined;
  }
  const folded = folding.done();
  return { ...folded, rejections: [...unread, ...folded.rejections] };
}

/** Who changes are published for needs the rows alone, and their last events. */
const NONE_GIVEN: readonly Given[] = [];

async function reducePortion(reducing: Reducing, events: readonly ReceivedEvent[]): Promise<readonly Rejection[]> {
  const isTogether = portionOf(reducing.table) === LARGE_PORTION && reducing.changes?.publish === undefined;
  const together = isTogether ? await reduceTogether(reducing, events) : undefined;
  return together ?? reduceParts(reducing, events);
}

/** Reduces events in parts that shrink until each is written, or one event is alone. */
async function reduceParts(reducing: Reducing, events: readonly ReceivedEvent[]): Promise<readonly Rejection[]> {
  const { given, rejections } = readEvents(reducing.table, events, reducing.time);
  const { mayReject } = reducing;
  if (rejections.length > mayReject) {
    const last = rejections[mayReject - 1]?.at;
    const some = last === undefined ? [] : events.filter(({ position }) => position <= last);
    const ofSome = some.length === 0 ? [] : await reduceParts(reducing, some);
    reducing.next ??= events[some.length];
    return ofSome;
  }
  const found: Rejection[] = [...rejections];
  reducing.mayReject -= rejections.length;
  const apart = await withOthers(reducing.store, given);
  for (const some of portionsOf(given, { apart, most: portionOf(reducing.table).rows })) {
    if (reducing.next !== undefined) break;
    const [first] = some;
    const isApart = first !== undefined && apart.has(first);
    for (const rejection of isApart ? await reduceSpread(reducing, first) : await reduceGiven(reducing, some))
      found.push(rejection);
  }
  return found;
}

/** Reduces an event that publishes something of many rows. The slice ends before it when the page is full. */
async function reduceSpread(reducing: Reducing, given: Given): Promise<readonly Rejection[]> {
  const { store, table, changes } = reducing;
  const publish = changes?.publish;
  if (publish === undefined) throw new Error('events publish something of rows, and the step has no stream for it');
  const { rejections, isDone } = await spreadEvent(store, table, { given, publish });
  if (!isDone) reducing.next = given.event;
  return rejections;
}

/**
 * Cuts events so that each portion meets a bounded number of rows, which are in memory at once. An event that publishes
 * something of many rows is alone, because the rows of the events before it count there.
 */
function* portionsOf(
  given: readonly Given[],
  { apart, most }: { readonly apart: ReadonlySet<Given>; readonly most: number },
): Generator<readonly Given[]> {
  let [start, met] = [0, 0];
  for (const [index, one] of given.entries()) {
    const { rows } = one;
    const isCut = apart.has(one) || apart.has(given[index - 1] ?? one);
    if ((isCut || met + rows.length > most) && index > start) {
      yield given.slice(start, index);
      [start, met] = [index, 0];
    }
    met += rows.length;
  }
  yield given.slice(start);
}

/**
 * Reads the rows of some events, reduces the events in memory, and writes the rows. When the database rejects a row,
 * the changes do not fit into the page, or the rows do not fit into memory, the events are tried again by halves, the
 * first half first, until the event that made the row is alone.
 */
async function reduceGiven(reducing: Reducing, given: readonly Given[]): Promise<readonly Rejection[]> {
  const { store, table, changes } = reducing;
  const [first] = given;
  const ids = idsOf(given);
  if (first === undefined || ids.size === 0) return [];
  const folded = table.within === undefined ? await foldRows(reducing, given, ids) : await meetWaiting(store, given);
  if (folded === undefined) return byHalves(reducing, given);
  const { rejections, ...change } = folded;
  if (rejections.length > reducing.mayReject) {
    if (given.length > 1) return byHalves(reducing, given);
    reducing.next = first.event;
    return [];
  }
  const fits = changes?.fits(change, given) ?? true;
  if (!fits && given.length === 1) return notFitting(reducing, first);
  const refusal = fits ? await store.write(change) : undefined;
  if (fits && refusal === undefined) {
    changes?.add(change, given);
    reducing.mayReject -= rejections.length;
    return rejections;
  }
  if (refusal !== undefined && given.length === 1) return refused(reducing, first, refusal);
  return byHalves(reducing, given);
}

/** Rejects an event whose row the database does not take. The slice ends before it when enough are rejected. */
function refused(reducing: Reducing, { event }: Given, refusal: RowRejection): readonly Rejection[] {
  if (reducing.mayReject > 0) {
    reducing.mayReject--;
    return [rejectionOf(event, refusal)];
  }
  reducing.next = event;
  return [];
}

/** Lists the rows that events meet, without those that are known. */
function idsOf(given: readonly Given[], known?: Pick<Folding, 'knows'>): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { rows } of given) for (const { id } of rows) if (known?.knows(id) !== true) ids.add(id);
  return ids;
}

/** Resolves to undefined when the rows of several events have too many bytes. */
async function foldRows(
  { store, table }: Reducing,
  given: readonly Given[],
  ids: ReadonlySet<string>,
): Promise<Folded | undefined> {
  const most = given.length === 1 ? Number.POSITIVE_INFINITY : MOST_BYTES;
  const before =
    table.sessions === undefined ? await store.read([...ids], most) : await store.near(nearSessions(given));
  if (before === undefined) return undefined;
  const folding = openFolding(table);
  folding.addRows(before);
  return folding.take(given) > most ? undefined : folding.done();
}

/** So many rows of a join are in memory at once, beside those of the events themselves. */
const MOST_NEAR = 2_000;

/** Joins events with those that wait. Resolves to undefined when they may meet too many at once. */
async function meetWaiting(store: RowStore, given: readonly Given[]): Promise<Folded | undefined> {
  const rows = given.flatMap(({ rows: of }) => of.filter(isWaiting));
  const near = joinedParts(
    rows.map(({ pairing, in: { start, end } }) => ({ group: pairing.others, from: start, to: end })),
  );
  const before = await store.near(near, MOST_NEAR);
  // An event that is alone may meet MOST_ROWS: so many are enough to see that it meets more.
  if (before.size === MOST_NEAR && given.length > 1) return undefined;
  const counts = await store.counts([...new Set(rows.map(({ pairing }) => pairing.group))]);
  return foldWaiting(given, { near: before, counts });
}

/** Reduces the first half of some events, and then the other one. */
async function byHalves(reducing: Reducing, given: readonly Given[]): Promise<readonly Rejection[]> {
  const middle = given.length >> 1;
  const ofFirst = await reduceGiven(reducing, given.slice(0, middle));
  if (reducing.next !== undefined) return ofFirst;
  return [...ofFirst, ...(await reduceGiven(reducing, given.slice(middle)))];
}

/**
 * Returns, for each key, the parts of time that its events may touch; parts that overlap are one. So the sessions that
 * lie between two distant events are not read, however many there are.
 */
function nearSessions(given: readonly Given[]): readonly NearRows[] {
  return joinedParts(
    given
      .flatMap(({ rows }) => rows.filter((row) => 'gap' in row))
      .map(({ id: group, in: { start }, gap }) => ({ group, from: start - gap, to: start + gap })),
  );
}

/** Joins the parts of each group that overlap. */
function joinedParts(parts: readonly NearRows[]): readonly NearRows[] {
  const inOrder = [...parts].sort((one, other) => one.from - other.from);
  return [...Map.groupBy(inOrder, ({ group }) => group).values()].flatMap(withoutOverlaps);
}

/** Joins the parts that overlap, of one key and in the order of their starts. */
function withoutOverlaps(parts: readonly NearRows[]): readonly NearRows[] {
  const joined: NearRows[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last !== undefined && part.from <= last.to)
      joined[joined.length - 1] = { ...last, to: Math.max(last.to, part.to) };
    else joined.push(part);
  }
  return joined;
}

/** Ends the slice before an event. An event whose changes do not even fit into an empty page is rejected. */
function notFitting(reducing: Reducing, { event }: Given): readonly Rejection[] {
  if (reducing.changes?.isEmpty() === false) {
    reducing.next = event;
    return [];
  }
  const message = `the event changes rows of more than ${MOST_PAGE_BYTES} bytes together, too much for one transaction of the table and its change stream: let an event meet fewer rows, or keep less in them`;
  return [rejectionFor(event, new EventRejected('too-large', message))];
}
