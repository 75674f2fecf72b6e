import type { Rejection } from '../runtime/rejection.ts';
import type { KeyedEvent, PublishedEvent, Spread, Table } from '../runtime/table.ts';
import { type RowRejection, rejectionOf } from '../sinks/postgres/row-rejection.ts';
import { fold, formOf, type Given, type RowChange, type StoredRow } from './fold.ts';

/** Rows whose ids lie between two others, which are not among them. */
export interface RowsBetween {
  readonly after: string;
  readonly below: string;
  readonly most: number;
}

/** The rows of a table, inside an open transaction. */
interface Rows {
  read(ids: readonly string[]): Promise<ReadonlyMap<string, StoredRow> | undefined>;
  write(change: RowChange): Promise<RowRejection | undefined>;
  between(rows: RowsBetween): Promise<ReadonlyMap<string, StoredRow>>;
}

/** Tells of each range of ids whether a row lies in it: the indexes of those where one does. */
type Occupied = (ranges: readonly Pick<Spread, 'above' | 'below'>[]) => Promise<ReadonlySet<number>>;

/**
 * Returns the events that publish something of rows which are there, or which these events may make. All others may be
 * reduced together: a table is filled with them at first, and nobody asks for their rows yet.
 */
export async function withOthers(rows: { readonly occupied: Occupied }, given: readonly Given[]) {
  const spreading = given.flatMap((one) => {
    const row = spreadOf(one);
    return row === undefined ? [] : [{ one, ...row.spread }];
  });
  if (spreading.length === 0) return new Set<Given>();
  const found = await rows.occupied(spreading.map(({ above, below }) => ({ above, below })));
  const met = given.flatMap((one) => (spreadOf(one) === undefined ? one.rows.map(({ id }) => id) : []));
  const isMet = ({ above, below }: Pick<Spread, 'above' | 'below'>): boolean =>
    met.some((id) => id > above && id < below);
  return new Set(spreading.flatMap((range, index) => (found.has(index) || isMet(range) ? [range.one] : [])));
}

/** What became of an event that publishes something of many rows. */
interface SpreadResult {
  readonly rejections: readonly Rejection[];
  /** False: the page is full. The event has to come again. */
  readonly isDone: boolean;
}

/** Returns how an event publishes something of many rows. Undefined: it does not. */
export function spreadOf({ rows: [row] }: Given): (KeyedEvent & { readonly spread: Spread }) | undefined {
  return row !== undefined && 'spread' in row && row.spread !== undefined
    ? (row as KeyedEvent & { readonly spread: Spread })
    : undefined;
}

const NO_ROWS: ReadonlyMap<string, StoredRow> = new Map();

/** So many rows are read at once. */
const MOST_READ = 1_000;

/**
 * Reduces an event into its row, and publishes something of each of the other rows that it concerns, in the order of
 * their ids, as far as the page has room. `publish` returns false when the page is full.
 */
export async function spreadEvent(
  rows: Rows,
  table: Pick<Table, 'state'>,
  { given, publish }: { readonly given: Given; readonly publish: (events: readonly PublishedEvent[]) => boolean },
): Promise<SpreadResult> {
  const row = spreadOf(given);
  if (row === undefined) throw new Error('the event publishes nothing of other rows');
  const before = (await rows.read([row.id])) ?? NO_ROWS;
  const { after, rejections } = fold(table, [given], before);
  if (rejections.length > 0) return { rejections, isDone: true };
  const refusal = await rows.write({ before, after });
  if (refusal !== undefined) return { rejections: [rejectionOf(given.event, refusal)], isDone: true };
  const full = await publishOthers(rows, table, { spread: row.spread, publish });
  if (full === undefined) return { rejections: [], isDone: true };
  const { save, rowOf } = formOf(table);
  const state = row.spread.paused(full.after);
  const paused: StoredRow = { state: save(state), row: rowOf(state), eventKey: given.event.key };
  const written = (await rows.read([row.id])) ?? NO_ROWS;
  const refused = await rows.write({ before: written, after: new Map([[row.id, paused]]) });
  if (refused !== undefined) throw new Error(`how far an event has come cannot be stored: ${refused.message}`);
  return { rejections: [], isDone: false };
}

/** Resolves to the last row that was done, if the page is full. */
async function publishOthers(
  rows: Rows,
  table: Pick<Table, 'state'>,
  { spread, publish }: { readonly spread: Spread; readonly publish: (events: readonly PublishedEvent[]) => boolean },
): Promise<{ readonly after: string } | undefined> {
  const { load } = formOf(table);
  const { below } = spread;
  let after = spread.after();
  for (;;) {
    const others = await rows.between({ after, below, most: MOST_READ });
    for (const [id, { state }] of others) {
      if (!publish(spread.publish(id, load(state)))) return { after };
      after = id;
    }
    if (others.size < MOST_READ) return undefined;
  }
}
