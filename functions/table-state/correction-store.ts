import type pg from 'pg';
import { StaleCheckpoint } from '../runtime/errors.ts';
import type { Correction, ShardFilled, Slice } from '../runtime/sink.ts';
import { beginAt } from '../sinks/postgres/progress.ts';
import { makeWhenMissing } from '../sinks/postgres/table.ts';
import type { ChangesOf } from './changes.ts';
import { type CorrectionStore, nextCorrections } from './corrections.ts';
import type { StoredRow } from './fold.ts';
import { hashText } from './judge-windows.ts';
import { prepared, tableAt } from './make-table.ts';
import { commitWithPage } from './outbox.ts';
import { type NumberedState, placesOf, type UseClient } from './places.ts';
import { selectIdsAfter, selectRowsOf } from './statements.ts';

/**
 * How far the readers of change streams know the rows of a state that has taken the place of another one: by shard, and
 * with an empty name for all of them together.
 */
const CORRECTIONS_TABLE = `CREATE TABLE IF NOT EXISTS millrace_corrections (
  step text NOT NULL, shard text NOT NULL, low text NOT NULL, high text NOT NULL, after text COLLATE "C" NOT NULL,
  PRIMARY KEY (step, shard))`;

/** Makes the table of corrections when it is missing. */
export async function makeCorrectionsTable(client: pg.ClientBase): Promise<void> {
  await makeWhenMissing(client, { name: 'millrace_corrections', statement: CORRECTIONS_TABLE });
}

/** Notes who publishes the corrections, in the transaction that swaps the states. */
export async function beginCorrections(
  client: pg.ClientBase,
  step: string,
  shards: ReadonlyMap<string, ShardFilled>,
): Promise<void> {
  const owners = [...shards].filter(([, { isOpen }]) => isOpen);
  await client.query(
    `INSERT INTO millrace_corrections (step, shard, low, high, after)
     SELECT $1, *, '' FROM unnest($2::text[], $3::text[], $4::text[])`,
    [
      step,
      ['', ...owners.map(([shard]) => shard)],
      ['', ...owners.map(([, { from }]) => hashText(from))],
      ['', ...owners.map(([, { to }]) => hashText(to))],
    ],
  );
}

export async function endCorrections(client: pg.ClientBase, step: string): Promise<void> {
  await client.query('DELETE FROM millrace_corrections WHERE step = $1', [step]);
}

/** Lists the shards that publish corrections. */
export async function correctingShards(client: pg.ClientBase, step: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ shard: string }>(
    `SELECT shard FROM millrace_corrections WHERE step = $1 AND shard <> '' ORDER BY shard`,
    [step],
  );
  return rows.map(({ shard }) => shard);
}

/** Finds the next rows of which the readers have to learn. Undefined: there are none. */
export async function nextCorrection(
  use: UseClient,
  of: ChangesOf & {
    readonly step: string;
    readonly time: string;
    readonly now: NumberedState;
    readonly former: NumberedState;
  },
  signal: AbortSignal,
): Promise<Correction | undefined> {
  const { step, now } = of;
  return use(signal, async (client) => {
    const page = await nextCorrections(storeOf(client, of), of);
    if (page === undefined) return undefined;
    const { shard, before, after, events } = page;
    const write = (slice: Slice): Promise<void> =>
      use(slice.signal, async (same) => {
        const table = await prepared(same, tableAt(placesOf(step).state(now.number), now.stored), now);
        const locked = await beginAt(same, { step, shard }, { ...table, composites: [] });
        const { rowCount } = await same.query(
          'UPDATE millrace_corrections SET after = $4 WHERE step = $1 AND shard = $2 AND after = $3',
          [step, shard, before, after],
        );
        if (locked === undefined || rowCount !== 1) throw new StaleCheckpoint(`${step}, ${shard}`, 0);
        await commitWithPage(same, locked, slice.progress([], { events }));
      });
    return { shard, write };
  });
}

function storeOf(
  client: pg.ClientBase,
  of: { readonly step: string; readonly now: NumberedState; readonly former: NumberedState },
): CorrectionStore {
  const { step } = of;
  const [now, former] = [of.now, of.former].map(({ number, stored }) =>
    tableAt(placesOf(step).state(number), stored),
  ) as [ReturnType<typeof tableAt>, ReturnType<typeof tableAt>];
  const rowsOf = async (table: typeof now, ids: readonly string[]): Promise<ReadonlyMap<string, StoredRow>> => {
    const { rows } = await client.query<StoredRow & { id: string; row?: string | null }>(selectRowsOf(table), [ids]);
    return new Map(
      rows.map(({ id, eventKey, state, row = state }) => [id, { eventKey, state, row: row ?? undefined }]),
    );
  };
  return {
    async idsAfter(id, most) {
      const { rows } = await client.query<{ id: string }>(selectIdsAfter([now, former]), [id, most]);
      return rows.map((row) => row.id);
    },
    rows: async (ids) => ({ former: await rowsOf(former, ids), now: await rowsOf(now, ids) }),
    async owners() {
      const { rows } = await client.query<{ shard: string; low: string; high: string; after: string }>(
        `SELECT shard, low, high, after FROM millrace_corrections WHERE step = $1 AND shard <> ''`,
        [step],
      );
      return rows.map(({ shard, low, high, after }) => ({
        shard,
        from: BigInt(`0x${low}`),
        to: BigInt(`0x${high}`),
        after,
      }));
    },
    async passed() {
      const { rows } = await client.query<{ after: string }>(
        `SELECT after FROM millrace_corrections WHERE step = $1 AND shard = ''`,
        [step],
      );
      return rows[0]?.after ?? '';
    },
    async pass(id) {
      await client.query(`UPDATE millrace_corrections SET after = $2 WHERE step = $1 AND shard = ''`, [step, id]);
    },
  };
}
