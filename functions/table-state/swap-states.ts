import type pg from 'pg';
import { decodeState } from '../runtime/checkpoints/step-state.ts';
import { UserMistake } from '../runtime/errors.ts';
import type { CommittedProgress, ShardFilled } from '../runtime/sink.ts';
import { beginCorrections } from './correction-store.ts';
import { LOCK_MAKING, makeView, type Owner, type Prepared } from './make-table.ts';
import { find, placesOf, setNote } from './places.ts';
import { type Filling, inTransaction, type ProgressRow, progressRows } from './rebuild.ts';
import { forgetFillProgress, forgetRefused } from './refused.ts';
import { goneAtSwap } from './replaced-windows.ts';
import { type Shape, type StoredShape, stateNote } from './shape.ts';
import { createView } from './statements.ts';

/** How long the swap waits for readers of the view and for open transactions. The next attempt waits again. */
const LONGEST_WAIT = '10s';

/**
 * Puts a state that is filled in the place of the one that the table shows. Each shard's revision moves on, so nobody
 * commits what was made of the former state; the positions stay, because both states go up to them.
 *
 * Locks the positions first, as a slice does, and then the state: so every open transaction of a slice is over, and no
 * shard begins any more.
 */
export async function swapStates(
  client: pg.ClientBase,
  owner: Owner,
  swap: Filling & {
    readonly shape: Shape;
    readonly committed: ReadonlyMap<string, CommittedProgress>;
    readonly filled: ReadonlyMap<string, ShardFilled>;
    /** True when the step publishes. `corrects`: the readers of its changes have to learn what is other. */
    readonly publishes: boolean;
    readonly corrects: boolean;
  },
): Promise<boolean> {
  const { step } = owner;
  const { state, shown, shape, committed, filled, publishes } = swap;
  const former = placesOf(step).state(shown.number);
  return inTransaction(client, async () => {
    await client.query(`SET LOCAL lock_timeout = '${LONGEST_WAIT}'; ${LOCK_MAKING}`);
    const found = await find(client, step);
    const isThere = found.filling.some(({ number }) => number === state.number);
    if (found.shown?.number !== shown.number || !isThere) return false;
    await progressRows(client, owner, 'FOR UPDATE');
    await client.query(`LOCK TABLE ${former} IN ACCESS EXCLUSIVE MODE`);
    const rows = await progressRows(client, owner, 'FOR UPDATE');
    if (!isSame(rows, committed)) return false;
    for (const row of rows) await moveOn(client, step, { row, publishes });
    await forgetFillProgress(client, step, state.number);
    await showState(client, step, state);
    const corrects = swap.corrects ? { number: shown.number, at: new Date().toISOString() } : undefined;
    if (swap.corrects) {
      await setNote(client, former, stateNote(step, { ...shown.stored, replaced: true }));
      await beginCorrections(client, { step, state: state.number }, filled);
    } else await dropState(client, step, shown.number);
    const { since, asked } = found.shown.stored;
    const gone = swap.corrects ? goneOf({ former: shown.stored, now: shape, committed }) : undefined;
    const note = { ...shape, since, asked, filled: positionsOf(filled), corrects, gone };
    await setNote(client, state.name, stateNote(step, note));
    return true;
  });
}

/** Windows that the former state no longer kept stay gone: their readers know rows that nobody knows here. */
function goneOf({
  former,
  now,
  committed,
}: {
  readonly former: StoredShape;
  readonly now: Shape;
  readonly committed: ReadonlyMap<string, CommittedProgress>;
}): string | undefined {
  if (now.windows === undefined) return undefined;
  const clocks = [...committed.values()].flatMap(({ state }) => {
    const { clock } = decodeState(state);
    return clock === undefined ? [] : [clock];
  });
  const millis = goneAtSwap({ former, now, clocks });
  return millis === undefined ? undefined : new Date(millis).toISOString();
}

function positionsOf(filled: ReadonlyMap<string, ShardFilled>): Readonly<Record<string, string>> {
  return Object.fromEntries([...filled].flatMap(([shard, { upTo }]) => (upTo === undefined ? [] : [[shard, upTo]])));
}

/** Gives a shard's progress the next revision, and the page of its last changes with it: it may not be in the log. */
async function moveOn(
  client: pg.ClientBase,
  step: string,
  { row, publishes }: { readonly row: ProgressRow; readonly publishes: boolean },
): Promise<void> {
  const { shard, revision, state, stored } = row;
  await client.query(
    `INSERT INTO millrace_progress (step, shard, revision, state) VALUES ($1, $2, $3, $4)
       ON CONFLICT (step, shard) DO UPDATE SET revision = excluded.revision, state = excluded.state`,
    [step, shard, revision + 1, state],
  );
  if (!publishes) return;
  await client.query(
    `INSERT INTO millrace_outbox (step, shard, revision, page)
     SELECT $1, shard, $3, page FROM millrace_outbox WHERE step = $4 AND shard = $2 AND revision = $5
       ON CONFLICT (step, shard) DO UPDATE SET revision = excluded.revision, page = excluded.page`,
    [step, shard, revision + 1, stored.step, stored.revision],
  );
}

function isSame(rows: readonly ProgressRow[], committed: ReadonlyMap<string, CommittedProgress>): boolean {
  return (
    rows.length === committed.size &&
    rows.every(({ shard, revision, state }) => {
      const known = committed.get(shard);
      return known?.revision === revision && known.state === state;
    })
  );
}

/** Lets the view show another state. What people were granted on the view stays. */
async function showState(client: pg.ClientBase, step: string, state: Prepared): Promise<void> {
  const { view } = placesOf(step);
  await client.query('SAVEPOINT millrace_view');
  try {
    await client.query(createView(view, state, 'OR REPLACE'));
    await client.query('RELEASE SAVEPOINT millrace_view');
    return;
  } catch (error) {
    if (!OTHER_COLUMNS.has((error as pg.DatabaseError).code ?? '')) throw error;
    await client.query('ROLLBACK TO SAVEPOINT millrace_view; RELEASE SAVEPOINT millrace_view');
  }
  const grants = await grantsOn(client, view);
  await dropped(client, step, `DROP VIEW ${view}`);
  await makeView(client, step, state);
  for (const grant of grants) await client.query(grant);
}

/** A view cannot be replaced by one with fewer columns, or columns of other names and types. */
const OTHER_COLUMNS = new Set(['42P16', '42701']);

async function grantsOn(client: pg.ClientBase, view: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ grant: string }>(
    `SELECT format('GRANT %s ON %s TO %s%s', g.privilege_type, $1::text,
                   CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                   CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grant
       FROM pg_catalog.pg_class c, aclexplode(c.relacl) AS g
      WHERE c.oid = to_regclass($1) AND g.grantee <> c.relowner`,
    [view],
  );
  return rows.map(({ grant }) => grant);
}

/** Drops a state that another one has replaced. */
export async function dropState(client: pg.ClientBase, step: string, number: number): Promise<void> {
  await dropped(client, step, `DROP TABLE ${placesOf(step).state(number)}`);
  await forgetRefused(client, step, number);
}

/** Drops a view or a state. What people have made of it stays: they have to drop it first. */
async function dropped(client: pg.ClientBase, step: string, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    const { code, detail } = error as pg.DatabaseError;
    if (code !== HAS_DEPENDENTS) throw error;
    throw new UserMistake(
      `the table ${step} is made again, and cannot take the place of the former one, because others depend on that: ${detail}. Drop them, and make them again afterwards`,
    );
  }
}

const HAS_DEPENDENTS = '2BP01';
