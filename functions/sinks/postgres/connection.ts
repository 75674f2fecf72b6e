import type pg from 'pg';
import { BEFORE } from './changes.ts';
import { type Growth, growTable, growthOf } from './growth.ts';
import { beginAt, beginUnlocked, type LockedPosition, type StepShard } from './progress.ts';
import { openRowEncoder, type RowEncoder, UNCHANGED } from './row-encoder.ts';
import { createStage, dropTemporaryTables } from './statements.ts';
import { openTable, type Table, type TableOptions } from './table.ts';

/** What a connection keeps from transaction to transaction: the table as it was read, and what is derived from it. */
export interface Prepared {
  readonly table: Table;
  readonly key: readonly string[] | undefined;
  /** True when the events are changes of rows, and a deletion deletes its row. */
  readonly mirror: boolean;
  readonly encoder: RowEncoder;
  /** How the table would grow for rows that it cannot hold, by column. */
  readonly growth: ReadonlyMap<string, Growth>;
}

interface Begun {
  readonly into: Prepared;
  readonly locked: LockedPosition;
}

/**
 * Begins transactions on any connection, each with the table as it is now. Somebody may alter the table, or drop and
 * create it, while a connection lives. The types of the temporary tables and the encoder would then be the old ones:
 * Postgres would round values to them without an error, or reject good rows. So each transaction first locks the table
 * against alteration and compares its columns with those that the connection has read.
 */
export function openConnections(options: TableOptions) {
  const prepared = new WeakMap<pg.ClientBase, Prepared>();

  const prepare = async (client: pg.ClientBase): Promise<Prepared> => {
    const table = await openTable(client, options);
    const { key, mirror, evolve } = options;
    if (key !== undefined) await client.query(createStage({ table, mirror }));
    const encoder = openRowEncoder(table, key ?? [], mirror ? fieldsBeside(table) : []);
    const growth = evolve === undefined ? NO_GROWTH : await growthOf(client, table.name, { columns: evolve, key });
    const into = { table, key, mirror, encoder, growth };
    prepared.set(client, into);
    return into;
  };

  /** Begins with the table as it has to be for the rows: altered in the same transaction, which then holds its lock. */
  const beginGrown = async (
    client: pg.ClientBase,
    position: StepShard,
    { into: { table, growth }, wanted }: { readonly into: Prepared; readonly wanted: Wanted },
  ) => {
    const locked = await beginUnlocked(client, position);
    const pending = [...growth.values()].filter(wanted);
    const stillPending = async () => {
      const now = await growthOf(client, table.name, { columns: options.evolve ?? [], key: options.key });
      return [...now.values()].filter(wanted);
    };
    await growTable(client, table, { pending, stillPending });
    await client.query(dropTemporaryTables);
    const into = await prepare(client);
    await client.query('SAVEPOINT millrace_block');
    return { into, locked };
  };

  return {
    /** `needed` are columns that a row of the transaction cannot do without as they are. */
    async begin(client: pg.ClientBase, position: StepShard, needed: ReadonlySet<string> = NONE): Promise<Begun> {
      let into = prepared.get(client) ?? (await prepare(client));
      const wanted: Wanted = ({ column, isUrgent }) => isUrgent || needed.has(column);
      if ([...into.growth.values()].some(wanted)) return beginGrown(client, position, { into, wanted });
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        const locked = await beginAt(client, position, into.table);
        if (locked !== undefined) return { into, locked };
        await client.query(`ROLLBACK; ${dropTemporaryTables}`);
        into = await prepare(client);
      }
      throw new Error(`the table ${options.table} was altered ${MOST_ATTEMPTS} times while its columns were read`);
    },
  };
}

type Wanted = (growth: Growth) => boolean;

const NO_GROWTH: Prepared['growth'] = new Map();
const NONE: ReadonlySet<string> = new Set();

/**
 * A change may have the row as it was, which a mirror needs only where the table has a column for it, and the names of
 * columns that did not change.
 */
function fieldsBeside({ columns, generated }: Table): readonly string[] {
  return [BEFORE, UNCHANGED].filter((field) => !generated.has(field) && columns.every(({ name }) => name !== field));
}

/** A table is altered once or twice in its life: more often within one transaction is a mistake that has to be seen. */
const MOST_ATTEMPTS = 5;
