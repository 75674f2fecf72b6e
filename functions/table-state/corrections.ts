import { hashOf } from '../runtime/record-codec/hash.ts';
import { MOST_PAGE_BYTES, type Publication } from '../runtime/sink.ts';
import { type ChangesOf, openChanges } from './changes.ts';
import { lastTimeOf } from './close-windows.ts';
import { type StoredRow, shownRow } from './fold.ts';
import { isOnlyGone, type ReplacedWindows, type Settled, settledRows } from './replaced-windows.ts';

/** Two states of a table, of which the later one has taken the place of the former, and how far the readers know. */
export interface CorrectionStore {
  /**
   * Lists some ids of both states after one, in a fixed order. Where the key of the table has changed, the readers know
   * other rows: the ids of the former state come first, alone, and then those of the later one.
   */
  idsAfter(id: string, most: number): Promise<readonly string[]>;
  rows(ids: readonly string[]): Promise<RowsOfBoth>;
  /** Closes and drops rows of the later state. */
  settle(settled: Settled): Promise<void>;
  /** Lists the shards that publish the corrections, each with the last id that it has published. */
  owners(): Promise<readonly CorrectionOwner[]>;
  /** Resolves to the id up to which nothing is left, in any shard; `pass` moves it. */
  passed(): Promise<string>;
  pass(id: string): Promise<void>;
}

export interface RowsOfBoth {
  readonly former: ReadonlyMap<string, StoredRow>;
  readonly now: ReadonlyMap<string, StoredRow>;
}

/** What corrections are made of. `keyOf` returns the key by which the readers know the row of an id. */
export type CorrectionsOf = Omit<ChangesOf, 'key'> & {
  /** The time of the swap, in UTC. */
  readonly time: string;
  readonly windows: ReplacedWindows;
  keyOf(id: string): readonly string[];
};

/** A shard that publishes the corrections of the rows in its range of hashes. */
export interface CorrectionOwner {
  readonly shard: string;
  readonly from: bigint;
  readonly to: bigint;
  /** The last id whose correction is published; an empty text: none is. */
  readonly after: string;
}

/** The corrections of one transaction. */
export interface CorrectionPage {
  readonly shard: string;
  /** The shard's `after` before, and with this page. */
  readonly before: string;
  readonly after: string;
  /** The ids of the rows. */
  readonly ids: readonly string[];
  readonly events: readonly Publication[];
}

const IDS_AT_ONCE = 500;

/**
 * Makes the next page of corrections: what the readers of a change stream need, who know the former rows, to know those
 * of now. Undefined: they know them all. Neither state changes meanwhile, but for windows that the readers know better
 * (`settledRows`), and `before` of each change is what the readers know.
 */
export async function nextCorrections(
  store: CorrectionStore,
  of: CorrectionsOf,
  most = MOST_PAGE_BYTES,
): Promise<CorrectionPage | undefined> {
  for (;;) {
    const ids = await store.idsAfter(await store.passed(), IDS_AT_ONCE);
    const last = ids.at(-1);
    if (last === undefined) return undefined;
    const rows = await settled(store, ids, of);
    const page = firstPage(ids, { rows, owners: await store.owners(), of, most });
    if (page !== undefined) return page;
    await store.pass(last);
  }
}

async function settled(
  store: CorrectionStore,
  ids: readonly string[],
  { windows }: CorrectionsOf,
): Promise<RowsOfBoth> {
  const rows = await store.rows(ids);
  const found = settledRows(windows, rows);
  if (found.close.length === 0 && found.drop.length === 0) return rows;
  await store.settle(found);
  return store.rows(ids);
}

interface Correcting {
  readonly rows: RowsOfBoth;
  readonly owners: readonly CorrectionOwner[];
  readonly of: CorrectionsOf;
  readonly most: number;
}

function firstPage(ids: readonly string[], correcting: Correcting): CorrectionPage | undefined {
  const { rows, owners, of, most } = correcting;
  const places = new Map(ids.map((id, place) => [id, place]));
  const changes = openChanges({ ...of, key: of.keyOf(ids[0] ?? '') }, most);
  let owner: CorrectionOwner | undefined;
  const corrected: string[] = [];
  for (const [place, id] of ids.entries()) {
    const [former, now] = [rows.former.get(id), rows.now.get(id)];
    if (isKnown(of, former, now)) continue;
    const own = ownerOf(owners, (now ?? former)?.eventKey ?? '');
    if (place <= (places.get(own.after) ?? -1) || (owner !== undefined && own !== owner)) continue;
    const change = {
      before: new Map(former === undefined ? [] : [[id, former] as const]),
      after: new Map([[id, now] as const]),
    };
    if (!changes.isEmpty() && !changes.fits(change, [])) break;
    changes.add(change, [], { time: timeOf(now ?? former, of), traceparent: undefined });
    owner = own;
    corrected.push(id);
  }
  const after = corrected.at(-1);
  if (owner === undefined || after === undefined) return undefined;
  return { shard: owner.shard, before: owner.after, after, ids: corrected, events: changes.events() };
}

/** Tells whether the readers know a row as it is, or shall not hear that it is gone. */
function isKnown({ windows }: CorrectionsOf, former: StoredRow | undefined, now: StoredRow | undefined): boolean {
  return shownRow(former) === shownRow(now) || (now === undefined && isOnlyGone(windows, former));
}

/** A row of a window belongs to the time of its window, whenever it is corrected. */
function timeOf(row: StoredRow | undefined, { time }: CorrectionsOf): string {
  if (row?.window === undefined) return time;
  return new Date(Math.min(Date.parse(time), Date.parse(lastTimeOf(row.window)))).toISOString();
}

/** Where a shard and those that follow it are there, the earlier one owns the rows: the others have not begun. */
function ownerOf(owners: readonly CorrectionOwner[], eventKey: string): CorrectionOwner {
  const hash = hashOf(eventKey);
  const [first] = owners
    .filter(({ from, to }) => hash >= from && hash <= to)
    .toSorted((one, other) => (one.shard < other.shard ? -1 : 1));
  if (first === undefined) throw new Error(`no shard owns the rows of events with the key '${eventKey}'`);
  return first;
}
