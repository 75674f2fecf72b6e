import type pg from 'pg';
import type { CommittedProgress } from '../runtime/sink.ts';
import { makeCorrectionsTable } from './correction-store.ts';
import { LOCK_MAKING, type OtherState, type Owner, type Prepared, prepared, tableAt } from './make-table.ts';
import { find, type NumberedState, placesOf, setNote } from './places.ts';
import { forgetFilling, makeRefusedTable } from './refused.ts';
import { changeBetween, type Shape, stateNote } from './shape.ts';
import { createState, FENCE_COLUMN } from './statements.ts';

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
  { shape, other, publishes }: { readonly shape: Shape; readonly other: OtherState; readonly publishes: boolean },
): Promise<Filling | undefined> {
  await makeRefusedTable(client);
  if (publishes) await makeCorrectionsTable(client);
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
    const stored = { ...shape, since: shown.stored.since, fills: true as const, begun: new Date().toISOString() };
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

/** Runs work in a transaction of its own. */
export async function inTransaction<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
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
  const rows = await progressRows(client, owner, '');
  return new Map(rows.map(({ shard, revision, state }) => [shard, { revision, state }]));
}

/** A shard's progress as it is stored. */
export interface ProgressRow extends CommittedProgress {
  readonly shard: string;
  /** The step under whose name it is stored, and the revision there. */
  readonly stored: { readonly step: string; readonly revision: number };
}

/** Loads the progress of a step's shards, without that of states that are being made. */
export async function progressRows(
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
      {
        shard,
        revision: of === step ? Number(revision) : 0,
        state,
        stored: { step: of, revision: Number(revision) },
      },
    ]),
  );
  return [...byShard.values()];
}

/**
 * Notes that an operator has asked to make a table again. Waits for open transactions on its state, and alters that, so
 * that each process looks at it anew.
 */
export function noteAgain(client: pg.ClientBase, { step }: Owner, id: string): Promise<void> {
  return inTransaction(client, async () => {
    await client.query(LOCK_MAKING);
    const { shown } = await find(client, step);
    if (shown === undefined) throw new Error(`the state of table ${step} is gone`);
    const state = placesOf(step).state(shown.number);
    await client.query(`SET LOCAL lock_timeout = '30s'; LOCK TABLE ${state} IN SHARE ROW EXCLUSIVE MODE;
      ALTER TABLE ${state} ALTER COLUMN ${FENCE_COLUMN} SET STATISTICS -1`);
    await setNote(client, state, stateNote(step, { ...shown.stored, asked: id, again: true }));
  });
}

/** Takes the request of an operator back: the table goes on as it is. */
export function takeAgainBack(client: pg.ClientBase, { step }: Owner): Promise<void> {
  return inTransaction(client, async () => {
    await client.query(LOCK_MAKING);
    const { shown } = await find(client, step);
    if (shown?.stored.again !== true) return;
    const note = stateNote(step, { ...shown.stored, again: undefined });
    await setNote(client, placesOf(step).state(shown.number), note);
  });
}
