import type pg from 'pg';
import { openDatabase } from '../clients/postgres.ts';
import type { PostgresServer } from '../clients/postgres-login.ts';
import { type Index, indexChanges } from './indexes.ts';
import type { StateTable } from './statements.ts';

interface Build {
  /** `<pipeline>/<step>` */
  readonly step: string;
  readonly state: StateTable;
  readonly indexes: readonly Index[];
}

/**
 * Returns a function that builds the indexes of a table beside everything else, one build at a time in a process. A
 * build that fails is a line in the log: the table is right without its indexes, and the next process tries again.
 */
export function indexBuilder(
  server: PostgresServer,
  { step, indexes }: Pick<Build, 'step' | 'indexes'>,
): (state: StateTable) => void {
  let running = false;
  return (state) => {
    if (running) return;
    running = true;
    buildIndexes(server, { step, state, indexes })
      .catch((error: Error) => console.warn(failure(step, error)))
      .finally(() => {
        running = false;
      });
  };
}

function failure(step: string, { message }: Error): string {
  const what = 'could not build the indexes of the table; the next process tries again';
  return JSON.stringify({ level: 'warning', step, what, error: message });
}

/**
 * Makes and drops the indexes of a table that has rows, on a connection of its own. Resolves to the statements that it
 * ran: none when another session is at it.
 *
 * Nobody has to wait: once the server has a statement, it finishes it, even when this process is frozen or dies. A
 * statement that fails leaves an index that is invalid, and the next process makes it again.
 */
export async function buildIndexes(
  server: PostgresServer,
  { step, state, indexes }: Build,
): Promise<readonly string[]> {
  const database = openDatabase(server, `${step} indexes`);
  try {
    return await database.use(new AbortController().signal, async (client) => {
      await client.query('SET statement_timeout = 0');
      // The server would look every few seconds whether this process still answers, and stop when it does not.
      await client.query('SET client_connection_check_interval = 0').catch(() => undefined);
      const { rows } = await client.query<{ alone: boolean }>(
        `SELECT pg_try_advisory_lock(${BUILDING_LOCK}, hashtext($1)) AS alone`,
        [step],
      );
      if (rows[0]?.alone !== true) return [];
      return await runAll(client, await indexChanges(client, { step, state, indexes }));
    });
  } finally {
    await database.close();
  }
}

async function runAll(client: pg.ClientBase, statements: readonly string[]): Promise<readonly string[]> {
  for (const statement of statements) await client.query(statement);
  return statements;
}

/** An arbitrary number that other programs are unlikely to lock. */
const BUILDING_LOCK = 788_394_883;
