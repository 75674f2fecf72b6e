import type pg from 'pg';
import { decodeRejections, encodeRejections } from '../runtime/checkpoints/step-state.ts';
import { UserMistake } from '../runtime/errors.ts';
import type { Rejection } from '../runtime/rejection.ts';
import { makeWhenMissing } from '../sinks/postgres/table.ts';
import { placesOf } from './places.ts';
import { identityOf, isTaken, type Refused } from './redriven.ts';

/**
 * What states have refused while they were made of the log. `letter` is the dead letter, until it is stored: as long as
 * the table shows another state, nobody may see it.
 */
const REFUSED_TABLE = `CREATE TABLE IF NOT EXISTS millrace_refused (
  step text NOT NULL, state integer NOT NULL, shard text NOT NULL, at text COLLATE "C" NOT NULL, identity text,
  letter text, PRIMARY KEY (step, state, shard, at));
  CREATE INDEX IF NOT EXISTS millrace_refused_identity ON millrace_refused (step, state, identity);
  CREATE INDEX IF NOT EXISTS millrace_refused_left ON millrace_refused (step, state) WHERE letter IS NOT NULL`;

/** Makes the table of refused events when it is missing. */
export async function makeRefusedTable(client: pg.ClientBase): Promise<void> {
  await makeWhenMissing(client, { name: 'millrace_refused', statement: REFUSED_TABLE });
}

/** A state of a step, and a shard of the step's input. */
export interface RefusedOf {
  readonly step: string;
  readonly state: number;
  readonly shard: string;
}

/** Tells whether a state has refused an event, and the event was not put back since. */
export async function hasRefused(
  client: pg.ClientBase,
  { step, state }: RefusedOf,
  refused: Refused,
): Promise<boolean> {
  const [condition, values] = conditionFor(refused);
  const { rows } = await client.query(
    `SELECT FROM millrace_refused WHERE step = $1 AND state = $2 AND ${condition} LIMIT 1`,
    [step, state, ...values],
  );
  return rows.length > 0;
}

function conditionFor(refused: Refused): readonly [condition: string, values: readonly string[]] {
  if ('at' in refused) return ['shard = $3 AND at = $4', [refused.shard, refused.at]];
  return ['identity = $3', [refused.identity]];
}

/** Notes, within the transaction of a slice, what it has refused, and takes off what was put back and has counted. */
export async function noteRefused(
  client: pg.ClientBase,
  of: RefusedOf,
  { letters, taken }: { readonly letters: readonly Rejection[]; readonly taken: readonly Refused[] },
): Promise<void> {
  const { step, state, shard } = of;
  for (const refused of taken) {
    const [condition, values] = conditionFor(refused);
    await client.query(
      `DELETE FROM millrace_refused WHERE (step, state, shard, at) IN (
         SELECT step, state, shard, at FROM millrace_refused WHERE step = $1 AND state = $2 AND ${condition} LIMIT 1)`,
      [step, state, ...values],
    );
  }
  const kept = letters.filter((letter) => !isTaken(taken, shard, letter));
  if (kept.length === 0) return;
  await client.query(
    `INSERT INTO millrace_refused (step, state, shard, at, identity, letter)
     SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::text[]) ON CONFLICT DO NOTHING`,
    [
      step,
      state,
      shard,
      kept.map(({ at }) => at),
      kept.map(({ event }) => (event === undefined ? null : identityOf(event))),
      kept.map((letter) => JSON.stringify(encodeRejections([letter]))),
    ],
  );
}

/** Code that refuses so many events, while it makes a table again, is hardly what somebody wants. */
const MOST_REFUSED = 1_000_000;

/** Throws a `UserMistake` when a state has refused too many events. */
export async function refuseTooMany(client: pg.ClientBase, { step, state }: Omit<RefusedOf, 'shard'>): Promise<void> {
  const { rows } = await client.query<{ count: string }>(
    'SELECT count(*) FROM millrace_refused WHERE step = $1 AND state = $2',
    [step, state],
  );
  if (Number(rows[0]?.count) <= MOST_REFUSED) return;
  throw new UserMistake(
    `the changed code of table ${step} refuses more than ${MOST_REFUSED} events of its stream, while it makes the table again: mend the code, or undo the change`,
  );
}

/** Dead letters of one shard that are not stored yet. */
export interface Letters {
  readonly shard: string;
  readonly rejections: readonly Rejection[];
}

const LETTERS_AT_ONCE = 5_000;

/** Loads dead letters of a state, in the order of the log. Undefined: all are stored. */
export async function lettersLeft(
  client: pg.ClientBase,
  { step, state }: Omit<RefusedOf, 'shard'>,
): Promise<Letters | undefined> {
  const { rows } = await client.query<{ shard: string; letter: string }>(
    `SELECT shard, letter FROM millrace_refused
      WHERE step = $1 AND state = $2 AND letter IS NOT NULL ORDER BY shard, at LIMIT ${LETTERS_AT_ONCE}`,
    [step, state],
  );
  const shard = rows[0]?.shard;
  if (shard === undefined) return undefined;
  const own = rows.filter((row) => row.shard === shard);
  return { shard, rejections: own.flatMap(({ letter }) => decodeRejections(JSON.parse(letter))) };
}

/** Notes that letters are stored. That the events were refused stays noted. */
export async function lettersStored(
  client: pg.ClientBase,
  { step, state }: Omit<RefusedOf, 'shard'>,
  { shard, rejections }: Letters,
): Promise<void> {
  await client.query(
    'UPDATE millrace_refused SET letter = NULL WHERE step = $1 AND state = $2 AND shard = $3 AND at = ANY ($4::text[])',
    [step, state, shard, rejections.map(({ at }) => at)],
  );
}

/** The prefix of the shards' names while a state is made of the log. */
export const underOf = (state: number): string => `rebuild/${state}/`;

export const isFillShard = (shard: string): boolean => FILL_SHARD.test(shard);

/** Returns a shard's own name. */
export const ownShard = (shard: string): string => shard.replace(FILL_SHARD, '');

const FILL_SHARD = /^rebuild\/\d+\//;

/** Deletes the progress with which a state was made of the log. */
export async function forgetFillProgress(client: pg.ClientBase, step: string, state: number): Promise<void> {
  await client.query(
    'DELETE FROM millrace_progress WHERE step = $1 AND (starts_with(shard, $2) OR starts_with(shard, $3))',
    [step, underOf(state), `marks/${underOf(state)}`],
  );
}

/** Forgets what a state has refused. */
export async function forgetRefused(client: pg.ClientBase, step: string, state: number): Promise<void> {
  if (!(await hasRefusedTable(client))) return;
  await client.query('DELETE FROM millrace_refused WHERE step = $1 AND state = $2', [step, state]);
}

/** Drops a state that was being made, with all that was noted of it. */
export async function forgetFilling(client: pg.ClientBase, step: string, state: number): Promise<void> {
  await client.query(`DROP TABLE ${placesOf(step).state(state)}`);
  await forgetFillProgress(client, step, state);
  await forgetRefused(client, step, state);
}

/** Gives what the states of a renamed step have refused to the step. */
export async function takeOverRefused(
  client: pg.ClientBase,
  { step, formerly }: { readonly step: string; readonly formerly: string },
): Promise<void> {
  if (!(await hasRefusedTable(client))) return;
  await client.query('UPDATE millrace_refused SET step = $1 WHERE step = $2', [step, formerly]);
}

async function hasRefusedTable(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('millrace_refused') IS NOT NULL AS there",
  );
  return rows[0]?.there === true;
}
