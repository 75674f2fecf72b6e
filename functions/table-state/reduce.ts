import type { ReceivedEvent } from '../runtime/event.ts';
import type { Rejection } from '../runtime/rejection.ts';
import type { Slice } from '../runtime/sink.ts';
import type { Table } from '../runtime/table.ts';
import { type RowRejection, rejectionOf } from '../sinks/postgres/row-rejection.ts';
import { fold, type Given, MOST_ROWS, readEvents, type StoredRow } from './fold.ts';

/** The rows of one table, inside an open transaction. */
export interface RowStore {
  /** Reads the rows with these ids. */
  read(ids: readonly string[]): Promise<ReadonlyMap<string, StoredRow>>;
  /** Writes rows after they were read. Resolves to why the database rejects one of them; then it has written none. */
  write(change: RowChange): Promise<RowRejection | undefined>;
}

/** Rows before and after some events, by their ids. Undefined: there is no row any more. */
export interface RowChange {
  readonly before: ReadonlyMap<string, StoredRow>;
  readonly after: ReadonlyMap<string, StoredRow | undefined>;
}

/** So many events are reduced at once. */
const PORTION_EVENTS = 1_000;

/** Reduces the events into the rows, in their order. Resolves to the rejections, in the order of the log. */
export async function reducePages(
  store: RowStore,
  table: Pick<Table, 'read' | 'state'>,
  pages: Slice['pages'],
): Promise<readonly Rejection[]> {
  const rejections: Rejection[] = [];
  for await (const page of pages) {
    for (let start = 0; start < page.length; start += PORTION_EVENTS)
      rejections.push(...(await reducePortion(store, table, page.slice(start, start + PORTION_EVENTS))));
  }
  return rejections.sort((a, b) => (a.at < b.at ? -1 : 1));
}

async function reducePortion(
  store: RowStore,
  table: Pick<Table, 'read' | 'state'>,
  events: readonly ReceivedEvent[],
): Promise<readonly Rejection[]> {
  const { given, rejections } = readEvents(table, events);
  const found: Rejection[] = [...rejections];
  for (const some of portionsOf(given)) found.push(...(await reduceGiven(store, table, some)));
  return found;
}

/**
 * Cuts events so that each portion meets a bounded number of rows: these are in memory at once, 128 KiB each at most.
 */
function* portionsOf(given: readonly Given[]): Generator<readonly Given[]> {
  let [start, met] = [0, 0];
  for (const [index, { rows }] of given.entries()) {
    if (met + rows.length > MOST_ROWS && index > start) {
      yield given.slice(start, index);
      [start, met] = [index, 0];
    }
    met += rows.length;
  }
  yield given.slice(start);
}

/**
 * Reads the rows of some events, reduces the events in memory, and writes the rows. When the database rejects a row,
 * the events are tried again by halves, the first half first, until the event that made the row is alone.
 */
async function reduceGiven(
  store: RowStore,
  table: Pick<Table, 'state'>,
  given: readonly Given[],
): Promise<readonly Rejection[]> {
  const [first] = given;
  const ids = [...new Set(given.flatMap(({ rows }) => rows.map(({ id }) => id)))];
  if (first === undefined || ids.length === 0) return [];
  const before = await store.read(ids);
  const { after, rejections } = fold(table, given, before);
  const refusal = await store.write({ before, after });
  if (refusal === undefined) return rejections;
  if (given.length === 1) return [rejectionOf(first.event, refusal)];
  const middle = given.length >> 1;
  const ofFirst = await reduceGiven(store, table, given.slice(0, middle));
  return [...ofFirst, ...(await reduceGiven(store, table, given.slice(middle)))];
}
