import type pg from 'pg';
import { isRowsFault, type RowRejection } from '../sinks/postgres/row-rejection.ts';
import type { RowChange, StoredRow } from './fold.ts';
import type { RowStore } from './reduce.ts';
import { deleteRows, type StateTable, selectRows, upsertRows } from './statements.ts';

/** Opens the rows of a state table, on a connection that has begun a transaction. */
export function rowsIn(client: pg.ClientBase, state: StateTable): RowStore {
  return {
    async read(ids) {
      const { rows } = await client.query<Read>(selectRows(state), [ids]);
      return new Map(
        rows.map(({ id, event_key: eventKey, state: text, row = text }) => [
          id,
          { eventKey, state: text, row: row ?? undefined },
        ]),
      );
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

interface Read {
  readonly id: string;
  readonly event_key: string;
  readonly state: string;
  /** Null: hidden. Undefined: the state is the row. */
  readonly row?: string | null;
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
  ]);
  // Rows that were there are locked since they were read. Another shard can only have inserted one meanwhile.
  const inserted = rows.filter((row) => row.inserted).length;
  if (inserted !== stored.filter(({ id }) => !before.has(id)).length)
    throw new Error(
      `another shard wrote a row of ${state.name} at the same time, or a trigger did: the next attempt sees the row`,
    );
}

function isSame(one: StoredRow | undefined, other: StoredRow | undefined): boolean {
  return one?.state === other?.state && one?.row === other?.row && one?.eventKey === other?.eventKey;
}

function refusalOf({ code = '', message, column }: pg.DatabaseError): RowRejection {
  return { code, message, column };
}
