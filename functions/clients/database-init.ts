import pg from 'pg';
import { z } from 'zod';
import { UserMistake } from '../runtime/errors.ts';
import { parseOrExplain, readStepConfig } from '../runtime/step-config.ts';
import { tlsOptions } from './postgres-login.ts';

const Resources = z.strictObject({
  host: z.string().min(1),
  port: z.int(),
  database: z.string().min(1),
  /** The sinks' user, whom the function creates. */
  user: z.string().min(1),
  /**
   * The ARN of the secret with the administrator's name and password. The caller reads the secret, not this function.
   */
  administratorSecret: z.string().min(1),
});

/**
 * A request without an administrator is answered with the secret whose credentials to send. The credentials are never
 * logged or stored.
 */
const Request = z.strictObject({
  administrator: z.strictObject({ user: z.string().min(1), password: z.string().min(1) }).optional(),
});

export type DatabaseInitRequest = z.infer<typeof Request>;

export type DatabaseInitAnswer =
  | { readonly administratorSecret: string }
  /** The statements that changed something; empty when everything existed already. */
  | { readonly user: string; readonly changed: readonly string[] };

const CONNECT_MILLIS = 10_000;
const STATEMENT_MILLIS = 20_000;

/** Creates the sinks' user, who logs in by IAM, and grants what sinks need in the schema `public`. */
export async function handler(event: unknown): Promise<DatabaseInitAnswer> {
  const { resources } = readStepConfig();
  const { administratorSecret, user, ...server } = parseOrExplain(Resources, resources, 'the resources of STEP_CONFIG');
  const { administrator } = parseOrExplain(Request, event ?? {}, 'the request');
  if (administrator === undefined) return { administratorSecret };
  const client = new pg.Client({
    ...server,
    ...administrator,
    ssl: tlsOptions({ tls: 'verify' }),
    application_name: 'millrace database init',
    connectionTimeoutMillis: CONNECT_MILLIS,
    statement_timeout: STATEMENT_MILLIS,
  });
  await client.connect();
  try {
    return { user, changed: await initDatabase(client, user) };
  } finally {
    await client.end();
  }
}

/**
 * Runs the statements that are still needed, in one transaction, and resolves to them. Throws a `UserMistake` when the
 * database has no IAM authentication.
 */
export async function initDatabase(client: pg.ClientBase, user: string): Promise<readonly string[]> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${INIT_LOCK})`);
    const changed: string[] = [];
    for (const { statement, isDone } of await stepsFor(client, user)) {
      const { rows } = await client.query<{ done: boolean }>(`SELECT ${isDone} AS done`);
      if (rows[0]?.done === true) continue;
      await client.query(statement);
      changed.push(statement);
    }
    await client.query('COMMIT');
    return changed;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** An arbitrary number that other programs are unlikely to lock. */
const INIT_LOCK = '7883948836411040102';

async function stepsFor(client: pg.ClientBase, user: string) {
  const { rows } = await client.query<{ database: string; iam: boolean }>(
    `SELECT current_database() AS database, EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') AS iam`,
  );
  const [{ database, iam } = { database: '', iam: false }] = rows;
  if (!iam)
    throw new UserMistake(
      `the database ${database} has no role rds_iam, so nobody can log in to it by iam: use an RDS or Aurora database, with IAM authentication turned on`,
    );
  const [role, roleText] = [client.escapeIdentifier(user), client.escapeLiteral(user)];
  const databaseText = client.escapeLiteral(database);
  const onDatabase = `ON DATABASE ${client.escapeIdentifier(database)} TO ${role}`;
  return [
    { statement: `CREATE ROLE ${role} LOGIN`, isDone: `EXISTS (SELECT FROM pg_roles WHERE rolname = ${roleText})` },
    {
      statement: `ALTER ROLE ${role} LOGIN`,
      isDone: `(SELECT rolcanlogin FROM pg_roles WHERE rolname = ${roleText})`,
    },
    { statement: `GRANT rds_iam TO ${role}`, isDone: `pg_has_role(${roleText}, 'rds_iam', 'MEMBER')` },
    // The Postgres sink gathers a batch in temporary tables before it merges the batch.
    ...['CONNECT', 'TEMPORARY'].map((privilege) => ({
      statement: `GRANT ${privilege} ${onDatabase}`,
      isDone: `has_database_privilege(${roleText}, ${databaseText}, '${privilege}')`,
    })),
    // For the table of positions, and for the tables of sinks with create: true.
    ...['USAGE', 'CREATE'].map((privilege) => ({
      statement: `GRANT ${privilege} ON SCHEMA public TO ${role}`,
      isDone: `has_schema_privilege(${roleText}, 'public', '${privilege}')`,
    })),
  ];
}
