import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { initDatabase } from '../../../functions/clients/database-init.ts';
import { type PostgresServer, startPostgres } from '../../kit/servers.ts';

let server: PostgresServer;
let database: string;
let administrator: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
});

afterAll(() => server?.stop());

beforeEach(async () => {
  database = await server.createDatabase();
  administrator = await server.connect(database);
  // As RDS has it: a role that cannot log in, and an administrator who is no superuser.
  await administrator.query(`DROP ROLE IF EXISTS rds_iam; CREATE ROLE rds_iam`);
  return () => administrator.end();
});

let users = 0;

/** Roles are the whole server's: each test has a user of its own. */
function freshUser(): string {
  return `Sinks "${++users}"`;
}

/** Makes the sinks' user, and a reader of its own. */
const init = (client: pg.Client, user: string) => initDatabase(client, { sinks: user, reader: `${user} reader` });

describe("the sinks' user", () => {
  test('is created, with what the sinks need and no password', async () => {
    const user = freshUser();
    const [quoted, reader] = [user, `${user} reader`].map((name) => administrator.escapeIdentifier(name));
    expect(await init(administrator, user)).toEqual([
      `CREATE ROLE ${quoted} LOGIN`,
      `GRANT rds_iam TO ${quoted}`,
      // CONNECT and TEMPORARY everybody has, unless they were taken away; and USAGE.
      `GRANT CREATE ON DATABASE ${administrator.escapeIdentifier(database)} TO ${quoted}`,
      `GRANT CREATE ON SCHEMA public TO ${quoted}`,
      `CREATE ROLE ${reader} LOGIN`,
      `GRANT rds_iam TO ${reader}`,
      `ALTER ROLE ${reader} CONNECTION LIMIT 5`,
    ]);
    const { rows } = await administrator.query(
      'SELECT rolcanlogin, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = $1',
      [user],
    );
    expect(rows).toEqual([{ rolcanlogin: true, rolsuper: false, rolcreaterole: false }]);
  });

  test('is left unchanged the second time', async () => {
    const user = freshUser();
    await init(administrator, user);
    expect(await init(administrator, user)).toEqual([]);
  });

  test('gets back a grant that was revoked', async () => {
    const user = freshUser();
    await init(administrator, user);
    const [quoted, reader, name] = [user, `${user} reader`, database].map((one) => administrator.escapeIdentifier(one));
    await administrator.query(
      `REVOKE ALL ON DATABASE ${name} FROM PUBLIC, ${quoted}; REVOKE ALL ON SCHEMA public FROM PUBLIC, ${quoted};
       REVOKE rds_iam FROM ${quoted}; ALTER ROLE ${quoted} NOLOGIN`,
    );
    expect(await init(administrator, user)).toEqual([
      `ALTER ROLE ${quoted} LOGIN`,
      `GRANT rds_iam TO ${quoted}`,
      `GRANT CONNECT ON DATABASE ${name} TO ${quoted}`,
      `GRANT TEMPORARY ON DATABASE ${name} TO ${quoted}`,
      `GRANT CREATE ON DATABASE ${name} TO ${quoted}`,
      `GRANT USAGE ON SCHEMA public TO ${quoted}`,
      `GRANT CREATE ON SCHEMA public TO ${quoted}`,
      `GRANT CONNECT ON DATABASE ${name} TO ${reader}`,
    ]);
    expect(await init(administrator, user)).toEqual([]);
  });

  test('can do what a sink and a table step do: create a table and a schema, write through a temporary table, and read a position', async () => {
    const user = freshUser();
    await init(administrator, user);
    await administrator.query(`ALTER ROLE ${administrator.escapeIdentifier(user)} PASSWORD 'p'`);
    const { host, port } = server;
    const sink = new pg.Client({ host, port, database, user, password: 'p' });
    await sink.connect();
    try {
      await sink.query('CREATE TABLE millrace_progress (step text PRIMARY KEY)');
      await sink.query('CREATE TEMPORARY TABLE stage AS SELECT 1 AS one');
      await sink.query('CREATE SCHEMA shop');
      await sink.query("INSERT INTO millrace_progress VALUES ('p/s') ON CONFLICT DO NOTHING");
      expect((await sink.query('SELECT step FROM millrace_progress FOR UPDATE')).rows).toEqual([{ step: 'p/s' }]);
    } finally {
      await sink.end();
    }
  });

  test('is created once when two operators ask at once', async () => {
    const user = freshUser();
    const other = await server.connect(database);
    const both = await Promise.all([init(administrator, user), init(other, user)]);
    await other.end();
    expect(both.map(({ length }) => length).toSorted()).toEqual([0, 7]);
  });

  test('is created whole or not at all: an error leaves nothing behind', async () => {
    const user = freshUser();
    await administrator.query(`CREATE ROLE keeper NOSUPERUSER CREATEROLE; GRANT rds_iam TO keeper; SET ROLE keeper`);
    // It may create a role, and not give away a role that it only is a member of.
    await expect(init(administrator, user)).rejects.toThrow(/permission denied/);
    await administrator.query('RESET ROLE; DROP ROLE keeper');
    expect((await administrator.query('SELECT FROM pg_roles WHERE rolname = $1', [user])).rowCount).toBe(0);
  });
});

test('the reader logs in, and may create, write and read nothing that nobody granted', async () => {
  const user = freshUser();
  await init(administrator, user);
  const reader = `${user} reader`;
  await administrator.query(`ALTER ROLE ${administrator.escapeIdentifier(reader)} PASSWORD 'p';
    CREATE TABLE mine AS SELECT 1 AS one; REVOKE ALL ON SCHEMA public FROM PUBLIC`);
  const { host, port } = server;
  const client = new pg.Client({ host, port, database, user: reader, password: 'p' });
  await client.connect();
  try {
    for (const statement of [
      'TABLE mine',
      'DELETE FROM mine',
      'CREATE SCHEMA s',
      'CREATE TABLE t (id int)',
      'CREATE ROLE r',
    ])
      await expect(client.query(statement), statement).rejects.toThrow(
        /permission denied|no schema has been selected|does not exist/,
      );
  } finally {
    await client.end();
  }
});

describe('an administrator who is a member of the sinks user, as Postgres makes whoever creates a role', () => {
  /** Gives the administrator the membership that CREATE ROLE gives on RDS, where the administrator is no superuser. */
  async function memberOfFreshUser(): Promise<string> {
    const user = freshUser();
    const quoted = administrator.escapeIdentifier(user);
    await administrator.query(
      `CREATE ROLE ${quoted} LOGIN; GRANT ${quoted} TO CURRENT_USER WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
    );
    return user;
  }

  test('is not locked out: the change is rolled back, and the error says what to do', async () => {
    const user = await memberOfFreshUser();
    const error = await init(administrator, user).catch((caught: Error) => caught);
    expect(error).toMatchObject({
      message: expect.stringMatching(/would lock the administrator out: RDS lets members/),
    });
    // The reader did not exist, and a superuser is no member of what it creates.
    expect(error).not.toMatchObject({ message: expect.stringContaining('reader') });
    const { rows } = await administrator.query(`SELECT FROM pg_auth_members WHERE roleid = 'rds_iam'::regrole`);
    expect(rows).toEqual([]);
  });

  test('can create the user with the statements of the error, and then run it', async () => {
    const user = await memberOfFreshUser();
    const error = (await init(administrator, user).catch((caught: unknown) => caught)) as Error;
    const [, statements = ''] = error.message.match(/database init again: (.*)$/) ?? [];
    const keeper = `keeper_${users}`;
    await administrator.query(`DROP ROLE ${administrator.escapeIdentifier(user)};
      CREATE ROLE ${keeper} LOGIN CREATEROLE PASSWORD 'p'`);
    const { host, port } = server;
    const client = new pg.Client({ host, port, database, user: keeper, password: 'p' });
    await client.connect();
    await client.query(statements).finally(() => client.end());
    const { rows } = await administrator.query(
      `SELECT member::regrole::text FROM pg_auth_members JOIN pg_roles r ON r.oid = roleid WHERE rolname = $1`,
      [user],
    );
    expect(rows).toEqual([]);
    expect(await init(administrator, user)).toContain(`GRANT rds_iam TO ${administrator.escapeIdentifier(user)}`);
    await administrator.query(`DROP ROLE ${keeper}`);
  });
});

test('a database without IAM authentication is reported as such', async () => {
  await administrator.query('DROP ROLE rds_iam');
  await expect(init(administrator, freshUser())).rejects.toThrow(
    `the database ${database} has no role rds_iam, so nobody can log in to it by iam`,
  );
});
