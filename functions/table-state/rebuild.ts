import type pg from 'pg';
import { UserMistake } from '../runtime/errors.ts';
import type { Position } from '../runtime/position.ts';
import type { CommittedProgress } from '../runtime/sink.ts';
import { LOCK_MAKING, makeView, type OtherState, type Owner, type Prepared, prepared, tableAt } from './make-table.ts';
import { find, type NumberedState, placesOf, setNote } from './places.ts';
import { forgetFilling, forgetFillProgress, forgetRefused, makeRefusedTable } from './refused.ts';
import { changeBetween, type Shape, stateNote } from './shape.ts';
import { createState, createView } from './statements.ts';

/** A state that is made of the log, beside the one that the table shows. */
export interface Filling {
  readonly state: Prepared;
  /** The state that the table shows. */
  readonly shown: NumberedState;
}

/**
 * Begins to make a state as the code keeps it, or finds the one that another process has begun. What other code has
 * begun is dropped. Resolves to undefined when the table shows such a state by now.
 */
export async function beginFilling(
  client: pg.ClientBase,
  { step }: Owner,
  { shape, other }: { readonly shape: Shape; readonly other: OtherState },
): Promise<Filling | undefined> {
  await makeRefusedTable(client);
  const places = placesOf(step);
  return inTransaction(client, async () => {
    await client.query(LOCK_MAKING);
    const { shown, filling, highest } = await find(client, step);
    if (shown?.number !== other.shown.number) return undefined;
    const isOwn = ({ stored }: NumberedState): boolean => changeBetween(stored, shape).kind === 'none';
    for (const { number } of filling.filter((one) => !isOwn(one))) await forgetFilling(client, step, number);
    const begun = filling.find(isOwn);
    if (begun !== undefined)
      return { shown, state: await prepared(client, tableAt(places.state(begun.number), shape), begun) };
    const number = highest + 1;
    const table = tableAt(places.state(number), shape);
    const stored = { ...shape, since: shown.stored.since, fills: true as const };
    await client.query(createState(table, shape.key));
    await setNote(client, table.name, stateNote(step, stored));
    return { shown, state: await prepared(client, table, { number, stored }) };
  });
}

/** Drops the states that other code has begun to make: the code of now does not need them. */
export async function dropFilling(client: pg.ClientBase, { step }: Owner): Promise<void> {
  if ((await find(client, step)).filling.length === 0) return;
  await inTransaction(client, async () => {
    await client.query(LOCK_MAKING);
    for (const { number } of (await find(client, step)).filling) await forgetFilling(client, step, number);
  });
}

async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await work();
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error(`nothing was committed: the database answered COMMIT with ${command}`);
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Loads what is committed of the state that the table shows, by shard. */
export async function loadCommitted(
  client: pg.ClientBase,
  owner: Owner,
): Promise<ReadonlyMap<string, CommittedProgress>> {
  return new Map((await progressRows(client, owner, '')).map(({ shard, ...progress }) => [shard, progress]));
}

interface ProgressRow extends CommittedProgress {
  readonly shard: string;
}

async function progressRows(
  client: pg.ClientBase,
  { step, formerly = step }: Owner,
  lock: '' | 'FOR UPDATE',
): Promise<readonly ProgressRow[]> {
  const { rows } = await client.query<{ step: string; shard: string; revision: string; state: string }>(
    `SELECT step, shard, revision, state FROM millrace_progress
      WHERE step IN ($1, $2) AND state <> '' AND shard NOT LIKE 'marks/%' AND shard NOT LIKE 'rebuild/%'
      ORDER BY shard, step = $1 ${lock}`,
    [step, formerly],
  );
  const byShard = new Map(
    rows.map(({ step: of, shard, revision, state }) => [
      shard,
      { shard, revision: of === step ? Number(revision) : 0, state },
    ]),
  );
  return [...byShard.values()];
}

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
    readonly filled: ReadonlyMap<string, Position>;
  },
): Promise<boolean> {
  const { step } = owner;
  const { state, shown, shape, committed, filled } = swap;
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
    for (const { shard, revision, state: text } of rows)
      await client.query(
        `INSERT INTO millrace_progress (step, shard, revision, state) VALUES ($1, $2, $3, $4)
           ON CONFLICT (step, shard) DO UPDATE SET revision = excluded.revision, state = excluded.state`,
        [step, shard, revision + 1, text],
      );
    await forgetFillProgress(client, step, state.number);
    await showState(client, step, state);
    await dropState(client, step, shown.number);
    const note = stateNote(step, { ...shape, since: shown.stored.since, filled: Object.fromEntries(filled) });
    await setNote(client, state.name, note);
    return true;
  });
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

async function dropState(client: pg.ClientBase, step: string, number: number): Promise<void> {
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
