import type pg from 'pg';
import { StaleCheckpoint } from '../runtime/errors.ts';
import type { CommittedProgress, Progress } from '../runtime/sink.ts';
import { commitAt, type LockedPosition, type StepShard } from '../sinks/postgres/progress.ts';
import { makeWhenMissing } from '../sinks/postgres/table.ts';

/**
 * The pages of events that steps publish, one a shard. A page counts only where it has the revision of the shard's
 * progress: while a step publishes nothing, its progress moves on without it. Its bytes are compressed already.
 */
const OUTBOX_TABLE = `CREATE TABLE IF NOT EXISTS millrace_outbox (
  step text NOT NULL, shard text NOT NULL, revision bigint NOT NULL, page bytea NOT NULL, PRIMARY KEY (step, shard));
  ALTER TABLE millrace_outbox ALTER COLUMN page SET STORAGE EXTERNAL`;

/** Makes the table of pages when it is missing. */
export async function makeOutboxTable(client: pg.ClientBase): Promise<void> {
  await makeWhenMissing(client, { name: 'millrace_outbox', statement: OUTBOX_TABLE });
}

/** Does the same as `loadProgress` of the Postgres sink, and loads the page that was committed with the progress. */
export async function loadWithPage(
  client: pg.ClientBase,
  { step, formerly, shard }: StepShard & { readonly formerly?: string | undefined },
): Promise<CommittedProgress | undefined> {
  const { rows } = await client.query<{ step: string; revision: string; state: string; page: Buffer | null }>(
    `SELECT p.step, p.revision, p.state, o.page FROM millrace_progress p
       LEFT JOIN millrace_outbox o ON o.step = p.step AND o.shard = p.shard AND o.revision = p.revision
      WHERE p.step IN ($1, $2) AND p.shard = $3`,
    [step, formerly ?? step, shard],
  );
  const row = rows.find((own) => own.step === step) ?? rows[0];
  if (row === undefined) return undefined;
  const revision = row.step === step ? Number(row.revision) : 0;
  return { revision, state: row.state, page: row.page ?? undefined };
}

/** Commits rows, progress and page, and closes the shards that this one follows. */
export async function commitWithPage(client: pg.ClientBase, locked: LockedPosition, progress: Progress): Promise<void> {
  const { revision, outbox } = progress;
  const { step, shard } = locked;
  if (outbox?.page === undefined)
    await client.query('DELETE FROM millrace_outbox WHERE step = $1 AND shard = $2', [step, shard]);
  else
    await client.query(
      `INSERT INTO millrace_outbox (step, shard, revision, page) VALUES ($1, $2, $3, $4)
         ON CONFLICT (step, shard) DO UPDATE SET revision = excluded.revision, page = excluded.page`,
      [step, shard, revision, Buffer.from(outbox.page)],
    );
  for (const closed of outbox?.closes ?? []) await close(client, step, closed);
  await commitAt(client, locked, progress);
}

async function close(
  client: pg.ClientBase,
  step: string,
  { shard, previous, revision, state }: Pick<Progress, 'shard' | 'previous' | 'revision' | 'state'>,
): Promise<void> {
  const { rowCount } = await client.query(
    `INSERT INTO millrace_progress AS stored (step, shard, revision, state) VALUES ($1, $2, $3, $4)
       ON CONFLICT (step, shard) DO UPDATE SET revision = excluded.revision, state = excluded.state
        WHERE stored.revision = $5`,
    [step, shard, revision, state, previous],
  );
  if (rowCount !== 1) throw new StaleCheckpoint(`${step}, ${shard}`, previous);
}
