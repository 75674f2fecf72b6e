import type pg from 'pg';
import { isRowsFault, type RowRejection } from '../sinks/postgres/row-rejection.ts';
import type { RowChange, StoredRow } from './fold.ts';
import type { RowStore } from './reduce.ts';
import {
  closeRows,
  countGroups,
  deleteGone,
  deleteRows,
  type StateTable,
  selectBetween,
  selectDue,
  selectNear,
  selectOccupied,
  selectRows,
  upsertRows,
} from './statements.ts';

/** Opens the rows of a state table, on a connection that has begun a transaction. */
export function rowsIn(client: pg.ClientBase, state: StateTable): RowStore {
  return {
    async read(ids) {
      const { rows } = await client.query<Read>(selectRows(state), [ids]);
      return new Map(rows.map((row) => [row.id, storedRow(row)]));
    },
    async near(near, most) {
      const groups = near.map(({ group }) => group);
      const [since, until] = [near.map(({ from }) => from), near.map(({ to }) => to)];
      const { rows } = await client.query<Read>(selectNear(state), [groups, since, until, most]);
      return new Map(rows.map((row) => [row.id, storedRow(row)]));
    },
    async counts(groups) {
      const { rows } = await client.query<{ group: string; count: number }>(countGroups(state), [groups]);
      return new Map(rows.map(({ group, count }) => [group, count]));
    },
    async between({ after, below, most }) {
      const { rows } = await client.query<Read>(selectBetween(state), [after, below, most]);
      return new Map(rows.map((row) => [row.id, storedRow(row)]));
    },
    async occupied(ranges) {
      const [above, below] = [ranges.map((range) => range.above), ranges.map((range) => range.below)];
      const { rows } = await client.query<{ number: number }>(selectOccupied(state), [above, below]);
      return new Set(rows.map(({ number }) => number - 1));
    },
    async due({ end, from, to, most }) {
      const { rows } = await client.query<Read>(selectDue(state), [end, from, to, most]);
      return new Map(rows.map((row) => [row.id, storedRow(row)]));
    },
    async close(ids) {
      await client.query(closeRows(state), [ids]);
    },
    async drop({ end, from, to, most }) {
      return (await client.query(deleteGone(state), [end, from, to, most])).rowCount ?? 0;
    },
    async write(change) {
      await client.query('SAVEPOINT millrace_portion');
      try {
        await writeRows(client, state, change);
        await client.query('RELEASE SAVEPOINT millrace_portion');
        return undefined;
      } catch (error) {
        if (!isRowsFault(error as pg.DatabaseError)) throw error;
        await client.query('ROLLBACK TO SAVEPOINT millrace_portion; RELEASE SAVEPOINT millrace_portion');
        return refusalOf(error as pg.DatabaseError);
      }
    },
  };
}

/** A row as a statement reads it. */
export interface Read {
  readonly id: string;
  readonly event_key: string;
  readonly state: string;
  /** Null: hidden. Undefined: the state is the row. */
  readonly row?: string | null;
  /** Undefined: the table has no windows. `bigint` comes as a text. */
  readonly start?: string;
  readonly end?: string;
  readonly hash?: string;
  readonly open?: boolean;
  /** Null: the window is no session. */
  readonly group?: string | null;
}

export function storedRow({ event_key: eventKey, state, row = state, start, end, hash, open, group }: Read): StoredRow {
  const stored = { eventKey, state, row: row ?? undefined };
  if (hash === undefined) return stored;
  const window = { start: Number(start), end: Number(end), hash, isOpen: open === true, group: group ?? undefined };
  return { ...stored, window };
}

/** Deletes rows and stores rows, in this order: a stored row may have a unique value that a deleted row has had. */
async function writeRows(client: pg.ClientBase, state: StateTable, { before, after }: RowChange): Promise<void> {
  const changed = [...after].filter(([id, row]) => !isSame(row, before.get(id)));
  const deleted = changed.flatMap(([id, row]) => (row === undefined ? [id] : []));
  const stored = changed.flatMap(([id, row]) => (row === undefined ? [] : [{ id, ...row }]));
  if (deleted.length > 0) await client.query(deleteRows(state), [deleted]);
  if (stored.length === 0) return;
  const { rows } = await client.query<{ inserted: boolean }>(upsertRows(state), [
    stored.map(({ id }) => id),
    stored.map(({ eventKey }) => eventKey),
    stored.map(({ row }) => row),
    ...(state.hasState ? [stored.map((row) => row.state)] : []),
    ...(state.hasWindows
      ? [
          stored.map(({ window }) => window?.start),
          stored.map(({ window }) => window?.end),
          stored.map(({ window }) => window?.hash),
          stored.map(({ window }) => window?.isOpen),
          stored.map(({ window }) => window?.group),
        ]
      : []),
  ]);
  // Rows that were there are locked since they were read. Another shard can only have inserted one meanwhile.
  const inserted = rows.filter((row) => row.inserted).length;
  if (inserted !== stored.filter(({ id }) => !before.has(id)).length)
    throw new Error(
      `another shard wrote a row of ${state.name} at the same time, or a trigger did: the next attempt sees the row`,
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
