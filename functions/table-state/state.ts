import type pg from 'pg';
import type { Table } from '../runtime/table.ts';
import { beginAt, type LockedPosition } from '../sinks/postgres/progress.ts';
import { type Index, indexChanges } from './indexes.ts';
import { makeTable, type Owner, type Prepared } from './make-table.ts';
import { makeOutboxTable } from './outbox.ts';
import { shapeOf } from './shape.ts';
import type { StateTable } from './statements.ts';

/** The state of a table step, as connections open it. */
export interface State {
  /** Makes what is missing in the database, once on a connection. Do this before progress is loaded. */
  prepare(client: pg.ClientBase): Promise<Prepared>;
  /** Begins a transaction in which the shard's position is locked. */
  begin(client: pg.ClientBase, shard: string): Promise<{ readonly state: Prepared; readonly locked: LockedPosition }>;
}

/** What a table has in the database beside its rows. */
interface Beside {
  /** The indexes that the pipeline names. */
  readonly indexes: readonly Index[];
  /** True when the table has a change stream. */
  readonly publishes: boolean;
  /** Begins to make indexes that are missing, and drop those that are too many. Nobody waits for it. */
  build(state: StateTable): void;
}

export function openState(
  table: Pick<Table<never>, 'row' | 'key' | 'state' | 'windows'>,
  owner: Owner,
  { indexes, publishes, build }: Beside,
): State {
  const form = showsAgain(table, { publishes }) ? table.state : undefined;
  const wanted = { shape: shapeOf(table), indexes, form };
  let isKnown = false;
  const prepared = new WeakMap<pg.ClientBase, Prepared>();

  const prepare = async (client: pg.ClientBase): Promise<Prepared> => {
    const known = prepared.get(client);
    if (known !== undefined) return known;
    const before = isKnown;
    isKnown = false;
    const made = await makeTable(client, owner, { ...wanted, isKnown: before });
    isKnown = true;
    if (publishes) await makeOutboxTable(client);
    const changes = await indexChanges(client, { step: owner.step, state: made, indexes });
    if (changes.length > 0) build(made);
    prepared.set(client, made);
    return made;
  };

  return {
    prepare,
    async begin(client, shard) {
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        const state = await prepare(client);
        const locked = await beginAt(client, { step: owner.step, shard }, { ...state, composites: [] });
        if (locked !== undefined) return { state, locked };
        await client.query('ROLLBACK');
        prepared.delete(client);
      }
      throw new Error(`the state of table ${owner.step} was altered ${MOST_ATTEMPTS} times while it was read`);
    },
  };
}

/**
 * Tells whether the rows of a table are made again as soon as the code makes them otherwise. Those of a change stream
 * are not: a change would have to stand behind all that its shard has committed. Nor those of windows, which may have
 * closed: a row of these changes with its next event.
 */
export function showsAgain(
  { state, windows }: Pick<Table<never>, 'state' | 'windows'>,
  { publishes }: { readonly publishes: boolean },
): boolean {
  return state !== undefined && windows === undefined && !publishes;
}

/** Nobody alters a state table, or once in its life. */
const MOST_ATTEMPTS = 5;
