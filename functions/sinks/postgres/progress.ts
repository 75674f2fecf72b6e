import type pg from 'pg';
import { StaleCheckpoint } from '../../runtime/errors.ts';
import type { Progress } from '../../runtime/sink.ts';
import { columnsFingerprint, type Table } from './table.ts';

export interface StepShard {
  readonly step: string;
  readonly shard: string;
}

/**
 * Loads the progress that the step last committed in the shard. A renamed step that has committed nothing under its new
 * name gets the progress of its former name, as revision 0. Undefined: nothing is committed, or the table is missing.
 */
export async function loadProgress(
  client: pg.ClientBase,
  { step, formerly, shard }: StepShard & { readonly formerly?: string | undefined },
): Promise<Pick<Progress, 'revision' | 'state'> | undefined> {
  const rows = await rowsOrNone<{ step: string; revision: string; state: string }>(
    client,
    'SELECT step, revision, state FROM millrace_progress WHERE step IN ($1, $2) AND shard = $3',
    [step, formerly ?? step, shard],
  );
  const own = rows.find((row) => row.step === step);
  if (own !== undefined) return { revision: Number(own.revision), state: own.state };
  return rows[0] && { revision: 0, state: rows[0].state };
}

/**
 * Loads the pages that were committed with a shard's progress, by their names: rows of their own in the same table. A
 * page that a renamed step has not committed yet is that of its former name.
 */
export async function loadPages(
  client: pg.ClientBase,
  { step, formerly = step, shard }: StepShard & { readonly formerly?: string | undefined },
): Promise<ReadonlyMap<string, string>> {
  const rows = await rowsOrNone<{ page: string; state: string }>(
    client,
    `SELECT substr(shard, length($3) + 1) AS page, state FROM millrace_progress
      WHERE step IN ($1, $2) AND starts_with(shard, $3) ORDER BY step = $1`,
    [step, formerly, pageRow(shard, '')],
  );
  return new Map(rows.map(({ page, state }) => [page, state]));
}

async function rowsOrNone<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  statement: string,
  values: readonly string[],
): Promise<readonly Row[]> {
  try {
    return (await client.query<Row>(statement, [...values])).rows;
  } catch (error) {
    if ((error as pg.DatabaseError).code === UNDEFINED_TABLE) return [];
    throw error;
  }
}

function pageRow(shard: string, page: string): string {
  return `marks/${shard}/${page}`;
}

/** A shard's position, whose row the open transaction has locked. */
export interface LockedPosition extends StepShard {
  readonly revision: number;
}

/**
 * Begins a transaction and locks the shard's position. A second invocation with the same batch waits here instead of
 * doing the same work and waiting for each row. Constraints that Postgres would check at the commit are checked row by
 * row, so that the faulty row is found.
 *
 * Resolves to undefined when the table is missing, or its columns are no longer those that were read; the caller then
 * rolls back. Until the transaction ends, nobody can alter the table: EXPLAIN locks it as the INSERT itself would, and
 * needs no right that the INSERT does not need.
 */
export async function beginAt(
  client: pg.ClientBase,
  { step, shard }: StepShard,
  { name, fingerprint, composites }: Pick<Table, 'name' | 'fingerprint' | 'composites'>,
): Promise<LockedPosition | undefined> {
  const [stepText, shardText] = [client.escapeLiteral(step), client.escapeLiteral(shard)];
  try {
    const results = (await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET CONSTRAINTS ALL IMMEDIATE;
       ${lockPosition(stepText, shardText)};
       EXPLAIN INSERT INTO ${name} DEFAULT VALUES;
       ${columnsFingerprint(client.escapeLiteral(name), composites)};
       SAVEPOINT millrace_block`,
    )) as unknown as pg.QueryResult<{ revision: string; fingerprint: string | null }>[];
    if (results[5]?.rows[0]?.fingerprint !== fingerprint) return undefined;
    return { step, shard, revision: Number(results[3]?.rows[0]?.revision) };
  } catch (error) {
    if ((error as pg.DatabaseError).code === UNDEFINED_TABLE) return undefined;
    throw error;
  }
}

/** Begins a transaction in the same way, and leaves it to the caller to lock the table. */
export async function beginUnlocked(client: pg.ClientBase, { step, shard }: StepShard): Promise<LockedPosition> {
  const [stepText, shardText] = [client.escapeLiteral(step), client.escapeLiteral(shard)];
  const results = (await client.query(
    `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET CONSTRAINTS ALL IMMEDIATE; ${lockPosition(stepText, shardText)}`,
  )) as unknown as pg.QueryResult<{ revision: string }>[];
  return { step, shard, revision: Number(results[3]?.rows[0]?.revision) };
}

function lockPosition(step: string, shard: string): string {
  return `INSERT INTO millrace_progress VALUES (${step}, ${shard}, 0, '') ON CONFLICT DO NOTHING;
       SELECT revision FROM millrace_progress WHERE step = ${step} AND shard = ${shard} FOR UPDATE`;
}

/**
 * Commits rows and progress in one round trip. Throws `StaleCheckpoint` when the locked revision is not `previous`.
 */
export async function commitAt(client: pg.ClientBase, locked: LockedPosition, progress: Progress): Promise<void> {
  const { step, shard } = locked;
  const { previous, revision, state } = progress;
  if (locked.revision !== previous) throw new StaleCheckpoint(`${step}, ${shard}`, previous);
  const results = (await client.query(
    `UPDATE millrace_progress SET revision = ${revision}, state = ${client.escapeLiteral(state)}
      WHERE step = ${client.escapeLiteral(step)} AND shard = ${client.escapeLiteral(shard)};
     ${upsertPages(client, locked, progress)} COMMIT`,
  )) as unknown as pg.QueryResult[];
  const command = results.at(-1)?.command;
  // Postgres answers the COMMIT of a failed transaction with ROLLBACK, not with an error.
  if (command !== 'COMMIT')
    throw new Error(
      `the position of ${step}, ${shard} was not committed: the database answered COMMIT with ${command}`,
    );
}

function upsertPages(client: pg.ClientBase, { step, shard }: StepShard, { revision, pages }: Progress): string {
  if (pages.size === 0) return '';
  const rows = [...pages].map(
    ([page, text]) =>
      `(${[step, pageRow(shard, page)].map((part) => client.escapeLiteral(part)).join(', ')}, ${revision}, ${client.escapeLiteral(text)})`,
  );
  return `INSERT INTO millrace_progress (step, shard, revision, state) VALUES ${rows.join(',\n')}
    ON CONFLICT (step, shard) DO UPDATE SET revision = excluded.revision, state = excluded.state;`;
}

const UNDEFINED_TABLE = '42P01';
