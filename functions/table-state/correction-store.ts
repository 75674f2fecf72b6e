import type pg from 'pg';
import { decodeState } from '../runtime/checkpoints/step-state.ts';
import { StaleCheckpoint } from '../runtime/errors.ts';
import type { Correction, ShardFilled, Slice } from '../runtime/sink.ts';
import type { Clock } from '../runtime/time/clock.ts';
import { beginAt } from '../sinks/postgres/progress.ts';
import { makeWhenMissing } from '../sinks/postgres/table.ts';
import type { ChangesOf } from './changes.ts';
import { orderOfIds } from './correction-order.ts';
import { type CorrectionStore, type CorrectionsOf, nextCorrections } from './corrections.ts';
import type { StoredRow } from './fold.ts';
import { hashText } from './judge-windows.ts';
import { prepared, tableAt } from './make-table.ts';
import { commitWithPage } from './outbox.ts';
import { type NumberedState, placesOf, type UseClient } from './places.ts';
import { storedRow } from './postgres-rows.ts';
import { closeRows, deleteRows, type ReadRow, type StateTable, selectIdsAfter, selectRows } from './statements.ts';

/**
 * How far the readers of change streams know the rows of a state that has taken the place of another one: by shard, and
 * with an empty name for all of them together. There `low` is the number of that state; an earlier version left it
 * empty.
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
  { step, state }: { readonly step: string; readonly state: number },
  shards: ReadonlyMap<string, ShardFilled>,
): Promise<void> {
  const owners = [...shards].filter(([, { isOpen }]) => isOpen);
  await client.query(
    `INSERT INTO millrace_corrections (step, shard, low, high, after)
     SELECT $1, *, '' FROM unnest($2::text[], $3::text[], $4::text[])`,
    [
      step,
      ['', ...owners.map(([shard]) => shard)],
      [String(state), ...owners.map(([, { from }]) => hashText(from))],
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

/** The states of a step when one has taken the place of the other. */
export type Replaced = Omit<ChangesOf, 'key'> & {
  readonly step: string;
  readonly time: string;
  readonly now: NumberedState;
  readonly former: NumberedState;
};

/** Finds the next rows of which the readers have to learn. Undefined: there are none. */
export async function nextCorrection(
  use: UseClient,
  replaced: Replaced,
  signal: AbortSignal,
): Promise<Correction | undefined> {
  const { step, now } = replaced;
  return use(signal, async (client) => {
    const page = await nextCorrections(storeOf(client, replaced), await correctionsOf(client, replaced));
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

async function correctionsOf(client: pg.ClientBase, replaced: Replaced): Promise<CorrectionsOf> {
  const { table, before, time, now, former } = replaced;
  const windows = { now: now.stored, former: former.stored, clocks: await clocksOf(client, replaced) };
  return { table, before, time, windows, keyOf: orderOfIds({ former, now }).keyOf };
}

/** Loads what time it is in the shards of a step, if one of its states has windows. */
async function clocksOf(client: pg.ClientBase, { step, now, former }: Replaced): Promise<readonly Clock[]> {
  if (now.stored.windows === undefined && former.stored.windows === undefined) return [];
  const { rows } = await client.query<{ state: string }>(
    `SELECT state FROM millrace_progress WHERE step = $1 AND state <> '' AND shard NOT LIKE 'marks/%'
        AND shard NOT LIKE 'rebuild/%'`,
    [step],
  );
  return rows.flatMap(({ state }) => {
    const { clock } = decodeState(state);
    return clock === undefined ? [] : [clock];
  });
}

/** Finds how far all corrections of a state are, by the step and the number of the state. */
const OWN = "step = $1 AND shard = '' AND low IN ('', $2)";

function storeOf(client: pg.ClientBase, { step, now, former }: Replaced): CorrectionStore {
  const order = orderOfIds({ former, now });
  const own = [step, String(now.number)];
  const tableOf = ({ number, stored }: NumberedState): StateTable => tableAt(placesOf(step).state(number), stored);
  const tables = { former: tableOf(former), now: tableOf(now) };
  const rowsOf = async (of: 'former' | 'now', ids: readonly string[]): Promise<ReadonlyMap<string, StoredRow>> => {
    const asked = new Map(
      ids.flatMap((marked) => {
        const { id, states } = order.parse(marked);
        return states === 'both' || states === of ? [[id, marked] as const] : [];
      }),
    );
    const { rows } = await client.query<ReadRow & unknown[]>({
      text: selectRows(tables[of]),
      values: [[...asked.keys()]],
      rowMode: 'array',
    });
    return new Map(rows.map((row) => [asked.get(row[0]) ?? row[0], storedRow(row, tables[of])]));
  };
  return {
    async idsAfter(after, most) {
      for (const { states, id, mark } of order.after(after)) {
        const of = states === 'both' ? [tables.now, tables.former] : [tables[states]];
        const { rows } = await client.query<{ id: string }>(selectIdsAfter(of), [id, most]);
        if (rows.length > 0) return rows.map((row) => `${mark}${row.id}`);
      }
      return [];
    },
    rows: async (ids) => ({ former: await rowsOf('former', ids), now: await rowsOf('now', ids) }),
    async settle({ close, drop }) {
      const ownIds = (ids: readonly string[]): readonly string[] => ids.map((id) => order.parse(id).id);
      await client.query('BEGIN');
      // Another process may have published all by now, and the rows may be those of later events, or the former ones of
      // the next corrections.
      const { rowCount } = await client.query(`SELECT FROM millrace_corrections WHERE ${OWN} FOR UPDATE`, own);
      if (rowCount === 1) {
        if (close.length > 0) await client.query(closeRows(tables.now), [ownIds(close)]);
        if (drop.length > 0) await client.query(deleteRows(tables.now), [ownIds(drop)]);
      }
      await client.query('COMMIT');
      if (rowCount !== 1) throw new StaleCheckpoint(step, 0);
    },
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
        `SELECT after FROM millrace_corrections WHERE ${OWN}`,
        own,
      );
      const [row] = rows;
      if (row === undefined) throw new StaleCheckpoint(step, 0);
      return row.after;
    },
    async pass(id) {
      const { rowCount } = await client.query(`UPDATE millrace_corrections SET after = $3 WHERE ${OWN}`, [...own, id]);
      if (rowCount !== 1) throw new StaleCheckpoint(step, 0);
    },
  };
}
