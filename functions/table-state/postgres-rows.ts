import type pg from 'pg';
import { isRowsFault, type RowRejection } from '../sinks/postgres/row-rejection.ts';
import { arrayOf } from './array-parameters.ts';
import type { RowChange, StoredRow } from './fold.ts';
import { type KeptRow, noRows, type ShardRows } from './kept-rows.ts';
import type { RowStore } from './reduce.ts';
import {
  closeRows,
  countGroups,
  deleteGone,
  deleteVersions,
  type ReadRow,
  type StateTable,
  selectBetween,
  selectDue,
  selectNear,
  selectOccupied,
  selectRows,
  updateRows,
  upsertRows,
} from './statements.ts';

/** So many rows are read with one statement: each may have 128 KiB, and a state beside it. */
const ROWS_AT_ONCE = 1_000;

/**
 * Opens the rows of a state table, on a connection that has begun a transaction.
 *
 * Reading locks nothing, because the shard's progress is locked, and each row has one shard that writes it. A row that
 * somebody else has changed since is not the version that was read: then the transaction fails, and the next attempt
 * sees the row.
 *
 * `kept`: rows that need not be read. Those that are read and written are added. After an error, do not use it again.
 */
export function rowsIn(client: pg.ClientBase, state: StateTable, kept: ShardRows = noRows(state)): RowStore {
  let planned: Promise<unknown> | undefined;

  const select = async (text: string, values: unknown[]): Promise<ReadonlyMap<string, StoredRow>> => {
    planned ??= client.query(BY_INDEX);
    await planned;
    const { rows } = await client.query<ReadRow & unknown[]>({ text, values, rowMode: 'array' });
    const found = new Map<string, StoredRow>();
    for (const values of rows) {
      const [id, tid, version] = values;
      const row = storedRow(values, state);
      found.set(id, row);
      kept.set(id, { row, tid, version });
    }
    return found;
  };

  return {
    async read(ids, most = Number.POSITIVE_INFINITY) {
      const found = new Map<string, StoredRow>();
      const missing: string[] = [];
      let bytes = 0;
      const add = (id: string, row: StoredRow): void => {
        found.set(id, row);
        bytes += row.state.length + (row.row?.length ?? 0);
      };
      for (const id of ids) {
        const known = kept.rows.get(id);
        if (known === undefined) missing.push(id);
        else add(id, known.row);
      }
      for (let start = 0; start < missing.length && bytes <= most; start += ROWS_AT_ONCE) {
        const some = missing.slice(start, start + ROWS_AT_ONCE);
        for (const [id, row] of await select(selectRows(state), [arrayOf(some)])) add(id, row);
      }
      return bytes > most ? undefined : found;
    },
    near(near, most) {
      const groups = near.map(({ group }) => group);
      const [since, until] = [near.map(({ from }) => from), near.map(({ to }) => to)];
      return select(selectNear(state), [groups, since, until, most]);
    },
    async counts(groups) {
      const { rows } = await client.query<{ group: string; count: number }>(countGroups(state), [groups]);
      return new Map(rows.map(({ group, count }) => [group, count]));
    },
    between: ({ after, below, most }) => select(selectBetween(state), [after, below, most]),
    async occupied(ranges) {
      const [above, below] = [ranges.map((range) => range.above), ranges.map((range) => range.below)];
      const { rows } = await client.query<{ number: number }>(selectOccupied(state), [above, below]);
      return new Set(rows.map(({ number }) => number - 1));
    },
    due: ({ end, from, to, most }) => select(selectDue(state), [end, from, to, most]),
    async close(ids) {
      await client.query(closeRows(state), [ids]);
      for (const id of ids) kept.delete(id);
    },
    async drop({ end, from, to, most }) {
      return (await client.query(deleteGone(state), [end, from, to, most])).rowCount ?? 0;
    },
    async write(change) {
      await client.query('SAVEPOINT millrace_portion');
      try {
        const written = await writeRows(client, state, { change, kept });
        await client.query('RELEASE SAVEPOINT millrace_portion');
        for (const id of written.deleted) kept.delete(id);
        for (const { id, row, tid, version } of written.stored) kept.set(id, { row, tid, version });
        return undefined;
      } catch (error) {
        if (!isRowsFault(error as pg.DatabaseError)) throw error;
        await client.query('ROLLBACK TO SAVEPOINT millrace_portion; RELEASE SAVEPOINT millrace_portion');
        return refusalOf(error as pg.DatabaseError);
      }
    },
  };
}

/**
 * Plans that find rows one by one. The rows of a slice are few beside those of the table, and a plan that reads the
 * whole table looks cheap only as long as that is small.
 */
const BY_INDEX = 'SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off';

/** Returns a row as a statement has read it. */
export function storedRow(
  [, , , eventKey, state, row, start, end, hash, open, group]: ReadRow,
  { hasState }: StateTable,
): StoredRow {
  const stored = { eventKey, state, row: hasState ? (row ?? undefined) : state };
  if (hash === undefined) return stored;
  const window = { start: Number(start), end: Number(end), hash, isOpen: open === true, group: group ?? undefined };
  return { ...stored, window };
}

interface Writing {
  readonly change: RowChange;
  readonly kept: ShardRows;
}

/** A row to store. */
interface GivenRow {
  readonly id: string;
  readonly row: StoredRow;
  /** The version that was read. Undefined: the row is not known here. */
  readonly known: KeptRow | undefined;
}

/** A row as it is now. */
interface WrittenRow extends KeptRow {
  readonly id: string;
}

/**
 * Deletes rows and stores rows, in this order: a stored row may have a unique value that a deleted row has had.
 */
async function writeRows(
  client: pg.ClientBase,
  state: StateTable,
  { change: { before, after }, kept }: Writing,
): Promise<{ readonly deleted: readonly string[]; readonly stored: readonly WrittenRow[] }> {
  const deleted: string[] = [];
  const updated: GivenRow[] = [];
  const others: GivenRow[] = [];
  for (const [id, row] of after) {
    if (isSame(row, before.get(id))) continue;
    if (row === undefined) {
      deleted.push(id);
      continue;
    }
    const known = kept.rows.get(id);
    (known === undefined ? others : updated).push({ id, row, known });
  }
  if (deleted.length > 0) {
    const known = deleted.map((id) => kept.rows.get(id));
    const { rowCount } = await client.query(deleteVersions(state), [arrayOf(deleted), ...versionsOf(known)]);
    if (rowCount !== deleted.length) throw changedElsewhere(state);
  }
  const stored: WrittenRow[] = [];
  for (const some of portionsOf(updated)) await update(client, state, { rows: some, stored });
  for (const some of portionsOf(others)) await insert(client, state, { rows: some, before, stored });
  return { deleted, stored };
}

interface Storing {
  readonly rows: readonly GivenRow[];
  /** Gets each row as it is now. */
  readonly stored: WrittenRow[];
}

async function update(client: pg.ClientBase, state: StateTable, { rows: given, stored }: Storing): Promise<void> {
  const values = [...versionsOf(given.map(({ known }) => known)), ...valuesOf(state, given)];
  const { rows } = await client.query<UpdatedRow & unknown[]>({ text: updateRows(state), values, rowMode: 'array' });
  if (rows.length !== given.length) throw changedElsewhere(state);
  const versions = sharedTexts();
  for (const [number, tid, version] of rows) {
    const { id, row } = given[number - 1] as GivenRow;
    stored.push({ id, row, tid, version: versions(version) });
  }
}

async function insert(
  client: pg.ClientBase,
  state: StateTable,
  { rows: given, before, stored }: Storing & Pick<RowChange, 'before'>,
): Promise<void> {
  const values = [arrayOf(given.map(({ id }) => id)), ...valuesOf(state, given)];
  const { rows } = await client.query<InsertedRow & unknown[]>({ text: upsertRows(state), values, rowMode: 'array' });
  // Nobody has read these rows here, so another shard can only have inserted one meanwhile.
  const inserted = rows.filter(([, , , isInserted]) => isInserted).length;
  if (inserted !== given.filter(({ id }) => !before.has(id)).length) throw changedElsewhere(state);
  const rowOf = new Map(given.map(({ id, row }) => [id, row]));
  const versions = sharedTexts();
  for (const [id, tid, version] of rows)
    stored.push({ id, row: rowOf.get(id) as StoredRow, tid, version: versions(version) });
}

/** Returns a function that gives equal texts as one string, where they follow each other: one transaction wrote all. */
function sharedTexts(): (text: string) => string {
  let last = '';
  return (text) => {
    if (text !== last) last = text;
    return last;
  };
}

/** What the statements return of each row. The numbers count from 1. */
type UpdatedRow = readonly [number: number, tid: string, version: string];
type InsertedRow = readonly [id: string, tid: string, version: string, isInserted: boolean];

/** Cuts rows into portions of about so many bytes, for one statement each. */
function* portionsOf(rows: readonly GivenRow[]): Generator<readonly GivenRow[]> {
  let [start, bytes] = [0, 0];
  for (const [index, { row }] of rows.entries()) {
    bytes += row.state.length + (row.row?.length ?? 0);
    if (bytes < BYTES_AT_ONCE) continue;
    yield rows.slice(start, index + 1);
    [start, bytes] = [index + 1, 0];
  }
  if (start < rows.length) yield rows.slice(start);
}

const BYTES_AT_ONCE = 8 * 1_024 * 1_024;

function versionsOf(known: readonly (KeptRow | undefined)[]): readonly Buffer[] {
  return [arrayOf(known.map((one) => one?.tid)), arrayOf(known.map((one) => one?.version))];
}

/** Returns the parameters of the columns that are ours. */
function valuesOf({ hasState, hasWindows }: StateTable, rows: readonly GivenRow[]): readonly Buffer[] {
  const values = (of: (row: StoredRow) => string | undefined): Buffer => arrayOf(rows.map(({ row }) => of(row)));
  return [
    values(({ eventKey }) => eventKey),
    values(({ row }) => row),
    ...(hasState ? [values(({ state }) => state)] : []),
    ...(hasWindows
      ? [
          values(({ window }) => window?.start.toString()),
          values(({ window }) => window?.end.toString()),
          values(({ window }) => window?.hash),
          values(({ window }) => window?.isOpen.toString()),
          values(({ window }) => window?.group),
        ]
      : []),
  ];
}

function changedElsewhere({ name }: StateTable): Error {
  return new Error(
    `another shard or client wrote a row of ${name} at the same time, or a trigger did: the next attempt sees the row`,
  );
}

function isSame(one: StoredRow | undefined, other: StoredRow | undefined): boolean {
  return (
    one?.state === other?.state &&
    one?.row === other?.row &&
    one?.eventKey === other?.eventKey &&
    one?.window?.isOpen === other?.window?.isOpen &&
    one?.window?.end === other?.window?.end
  );
}

function refusalOf({ code = '', message, column }: pg.DatabaseError): RowRejection {
  return { code, message, column };
}
