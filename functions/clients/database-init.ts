import pg from 'pg';
import { z } from 'zod';
import { UserMistake } from '../runtime/errors.ts';
import { parseOrExplain, readStepConfig } from '../runtime/step-config.ts';
import { tlsOptions } from './postgres-login.ts';
import { READER } from './query.ts';

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
  /** The statements that changed something; empty when everything existed already. `user` is the sinks' user. */
  | { readonly user: string; readonly changed: readonly string[] };

const CONNECT_MILLIS = 10_000;
const STATEMENT_MILLIS = 20_000;

/**
 * Creates the sinks' user, grants what sinks and tables need in the database, and creates the user that reads tables
 * for operators. Both log in by IAM.
 */
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
    return { user, changed: await initDatabase(client, { sinks: user, reader: READER }) };
  } finally {
    await client.end();
  }
}

/** The names of the users that the function makes. */
interface Users {
  readonly sinks: string;
  readonly reader: string;
}

/**
 * Runs the statements that are still needed, in one transaction, and resolves to them. Throws a `UserMistake` when the
 * database has no IAM authentication, or when they would lock the administrator out; then nothing is changed.
 */
export async function initDatabase(client: pg.ClientBase, users: Users): Promise<readonly string[]> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${INIT_LOCK})`);
    const changed: string[] = [];
    const loggedInByIam = await logsInByIam(client);
    for (const { statement, isDone } of await stepsFor(client, users)) {
      const { rows } = await client.query<{ done: boolean }>(`SELECT ${isDone} AS done`);
      if (rows[0]?.done === true) continue;
      await client.query(statement);
      changed.push(statement);
    }
    if (!loggedInByIam && (await logsInByIam(client))) throw await lockOut(client, users);
    await client.query('COMMIT');
    return changed;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** An arbitrary number that other programs are unlikely to lock. */
const INIT_LOCK = '7883948836411040102';

/**
 * Tells whether the administrator is a member of rds_iam, through other roles too. RDS lets members log in by IAM only,
 * whatever the membership allows. `pg_has_role` would not do: it says yes to every superuser.
 */
async function logsInByIam(client: pg.ClientBase): Promise<boolean> {
  return (await rolesOfAdministrator(client)).has('rds_iam');
}

async function rolesOfAdministrator(client: pg.ClientBase): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    `WITH RECURSIVE roles AS (
       SELECT oid FROM pg_roles WHERE rolname = current_user
       UNION SELECT roleid FROM pg_auth_members JOIN roles ON member = roles.oid
     )
     SELECT rolname AS name FROM roles JOIN pg_roles USING (oid)`,
  );
  return new Set(rows.map(({ name }) => name));
}

/**
 * From Postgres 16 on, whoever creates a role is a member of it, and cannot end that. A role that creates the user and
 * is dropped afterwards leaves no membership behind.
 */
async function lockOut(client: pg.ClientBase, { sinks, reader }: Users): Promise<UserMistake> {
  const member = await rolesOfAdministrator(client);
  const roles = [sinks, reader].filter((user) => member.has(user)).map((user) => client.escapeIdentifier(user));
  const [names, them] = [roles.join(' and '), roles.length === 1 ? 'the user' : 'the users'];
  return new UserMistake(
    `the administrator is a member of ${names}, so to grant rds_iam to ${names} would lock the administrator out: RDS lets ` +
      `members of rds_iam log in by iam only. Nothing was changed. Create ${them} through a role that you drop, as the ` +
      `administrator, and run millrace database init again: DROP ROLE IF EXISTS ${roles.join(', ')}; ` +
      'CREATE ROLE millrace_maker CREATEROLE; GRANT millrace_maker TO CURRENT_USER WITH SET TRUE; SET ROLE millrace_maker; ' +
      `${roles.map((role) => `CREATE ROLE ${role} LOGIN; `).join('')}RESET ROLE; DROP ROLE millrace_maker`,
  );
}

interface Step {
  readonly statement: string;
  /** An expression that is true when the statement would change nothing. */
  readonly isDone: string;
}

async function stepsFor(client: pg.ClientBase, { sinks, reader }: Users): Promise<readonly Step[]> {
  const { rows } = await client.query<{ database: string; iam: boolean }>(
    `SELECT current_database() AS database, EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') AS iam`,
  );
  const [{ database, iam } = { database: '', iam: false }] = rows;
  if (!iam)
    throw new UserMistake(
      `the database ${database} has no role rds_iam, so nobody can log in to it by iam: use an RDS or Aurora database, with IAM authentication turned on`,
    );
  const on = { client, database };
  return [...stepsForSinks(sinks, on), ...stepsForReader(reader, on)];
}

interface On {
  readonly client: pg.ClientBase;
  readonly database: string;
}

function stepsForSinks(user: string, on: On): readonly Step[] {
  const { client } = on;
  return [
    ...stepsForLogin(user, on),
    // The Postgres sink gathers a batch in temporary tables before it merges the batch. A table step makes the schema
    // of its pipeline.
    ...['CONNECT', 'TEMPORARY', 'CREATE'].map((privilege) => onDatabase(privilege, user, on)),
    // For the table of positions, and for the tables of sinks with create: true.
    ...['USAGE', 'CREATE'].map((privilege) => ({
      statement: `GRANT ${privilege} ON SCHEMA public TO ${client.escapeIdentifier(user)}`,
      isDone: `has_schema_privilege(${client.escapeLiteral(user)}, 'public', '${privilege}')`,
    })),
  ];
}

/** So many questions at once: an operator's script must not take the connections that steps need. */
export const READER_CONNECTIONS = 5;

/** The steps that own the tables grant what the reader may read. */
function stepsForReader(user: string, on: On): readonly Step[] {
  const [role, text] = [on.client.escapeIdentifier(user), on.client.escapeLiteral(user)];
  return [
    ...stepsForLogin(user, on),
    {
      statement: `ALTER ROLE ${role} CONNECTION LIMIT ${READER_CONNECTIONS}`,
      isDone: `(SELECT rolconnlimit >= 0 FROM pg_roles WHERE rolname = ${text})`,
    },
    onDatabase('CONNECT', user, on),
  ];
}

function stepsForLogin(user: string, { client }: On): readonly Step[] {
  const [role, text] = [client.escapeIdentifier(user), client.escapeLiteral(user)];
  return [
    { statement: `CREATE ROLE ${role} LOGIN`, isDone: `EXISTS (SELECT FROM pg_roles WHERE rolname = ${text})` },
    { statement: `ALTER ROLE ${role} LOGIN`, isDone: `(SELECT rolcanlogin FROM pg_roles WHERE rolname = ${text})` },
    { statement: `GRANT rds_iam TO ${role}`, isDone: `pg_has_role(${text}, 'rds_iam', 'MEMBER')` },
  ];
}

function onDatabase(privilege: string, user: string, { client, database }: On): Step {
  return {
    statement: `GRANT ${privilege} ON DATABASE ${client.escapeIdentifier(database)} TO ${client.escapeIdentifier(user)}`,
    isDone: `has_database_privilege(${client.escapeLiteral(user)}, ${client.escapeLiteral(database)}, '${privilege}')`,
  };
}
