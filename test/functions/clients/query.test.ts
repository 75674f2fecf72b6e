import { beforeEach, describe, expect, test } from 'vitest';
import { type Answer, askDatabase, type Question, READER, type Reply } from '../../../functions/clients/query.ts';
import { client, database, server, useFreshDatabases } from '../sinks/postgres/fresh-database.ts';

useFreshDatabases();

beforeEach(async () => {
  await client.query(`CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO PUBLIC;
    CREATE TABLE shop.basket AS SELECT n AS id, 'tea ' || n AS item FROM generate_series(1, 2000) AS n;
    CREATE TABLE shop.secret AS SELECT 1 AS one; GRANT SELECT ON shop.basket TO ${READER}`);
});

const ask = (statement: string, more: Partial<Question> = {}): Promise<Reply> => {
  const { host, port, password } = server;
  const login = { host, port, database, user: READER, auth: { password }, tls: 'off' } as const;
  const question = { schema: 'shop', statement, mostRows: 1_000, mostMillis: 20_000, ...more };
  return askDatabase(login, question, new AbortController().signal);
};

const rowsOf = async (statement: string, more?: Partial<Question>) => ((await ask(statement, more)) as Answer).rows;

test("a question gets its answer, with a pipeline's tables named alone and values as Postgres writes them", async () => {
  expect(await rowsOf('SELECT id, item FROM basket ORDER BY id LIMIT 2;')).toEqual([
    ['1', 'tea 1'],
    ['2', 'tea 2'],
  ]);
  const statement = `SELECT 1.50::numeric, true, NULL::text, '2026-01-31T10:00:00+02:00'::timestamptz, '{1,NULL}'::int[], '{"a": 1.0}'::jsonb`;
  expect(await rowsOf(statement)).toEqual([['1.50', 't', null, '2026-01-31 08:00:00+00', '{1,NULL}', '{"a": 1.0}']]);
  for (const each of ['TABLE basket LIMIT 1', 'VALUES (1)', 'WITH b AS (TABLE basket) SELECT count(*) FROM b'])
    expect(await rowsOf(each)).toHaveLength(1);
  for (const explain of ['EXPLAIN', 'explain analyze verbose', 'EXPLAIN (ANALYZE, TIMING off)', 'EXPLAIN(COSTS off)'])
    expect((await rowsOf(`${explain} SELECT * FROM basket`)).join()).toMatch(/Seq Scan on (shop\.)?basket/);
});

test('an answer is cut after as many rows as were asked for, and whole when there are no more', async () => {
  expect(await ask('TABLE basket', { mostRows: 1_999 })).toMatchObject({ cut: 'rows', rows: { length: 1_999 } });
  const whole = await ask('TABLE basket', { mostRows: 2_000 });
  expect(whole).toMatchObject({ rows: { length: 2_000 } });
  expect(whole).not.toHaveProperty('cut');
});

test('an answer is cut before it is larger than Lambda allows, and a row that memory cannot hold is refused', async () => {
  const large = await ask("SELECT repeat('x', 200000) FROM basket");
  expect(large).toMatchObject({ cut: 'bytes', rows: { length: 20 } });
  await expect(ask("SELECT repeat('x', 40000000)")).rejects.toThrow('the next rows have more than 32 MiB');
});

test('an answer is cut when its time is over, and a statement without a row until then is refused and ended', async () => {
  const slow = `SELECT id, CASE WHEN id > 100 THEN pg_sleep(60) END FROM basket`;
  expect(await ask(slow, { mostMillis: 500 })).toMatchObject({ cut: 'time', rows: { length: 50 } });
  const none = await ask("SELECT set_config('statement_timeout', '0', false), pg_sleep(60)", { mostMillis: 300 });
  expect(none).toMatchObject({ refusal: { code: '57014', message: expect.stringContaining('statement timeout') } });
  expect(await rowsOf(RUNNING)).toEqual([]);
});

const RUNNING = `SELECT query FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`;

const HOSTILE: readonly (readonly [statement: string, refused: RegExp])[] = [
  ['INSERT INTO open VALUES (1)', /syntax error/],
  ['WITH w AS (INSERT INTO open VALUES (1) RETURNING id) SELECT * FROM w', /must not contain data-modifying/],
  ['SELECT * INTO copied FROM basket', /DECLARE CURSOR|INTO/],
  ['SELECT * FROM open FOR UPDATE', /read-only transaction/],
  ['SELECT 1; DROP TABLE open', /cannot insert multiple commands/],
  ['SELECT 1; COMMIT; DROP TABLE open', /cannot insert multiple commands/],
  ['COMMIT', /syntax error/],
  ['SET ROLE millrace', /syntax error/],
  ["COPY basket TO PROGRAM 'touch /tmp/hacked'", /syntax error/],
  ['DO $$ BEGIN NULL; END $$', /syntax error/],
  ['EXPLAIN ANALYZE INSERT INTO open VALUES (1)', /syntax error/],
  ['EXPLAIN ANALYZE CREATE TABLE public.t AS SELECT 1', /syntax error/],
  ['explain(analyze, buffers)CREATE TABLE public.t AS SELECT 1', /syntax error/],
  ['EXPLAIN/**/ANALYZE CREATE TABLE public.t AS SELECT 1', /syntax error/],
  ['EXPLAIN SELECT 1; DROP TABLE open', /cannot insert multiple commands/],
  ['SELECT drop_all()', /read-only transaction/],
  ['SELECT free()', /transaction read-write mode must be set before any query|read-only/],
  ["SELECT set_config('transaction_read_only', 'off', true), drop_all()", /read-write mode must be set before/],
  ["SELECT set_config('role', 'millrace', false)", /permission denied to set role/],
  ["SELECT set_config('session_authorization', 'millrace', false)", /permission denied to set session/],
  ["SELECT nextval('numbers')", /read-only transaction/],
  ["SELECT lo_from_bytea(0, 'x')", /read-only transaction/],
  ["SELECT pg_read_file('/etc/passwd')", /permission denied for function pg_read_file/],
  ["SELECT pg_ls_dir('/')", /permission denied for function pg_ls_dir/],
  ['SELECT pg_terminate_backend(pid) FROM pg_stat_activity', /permission denied to terminate process/],
  ["SELECT query_to_xml('DROP TABLE public.open', true, true, '')", /not allowed|read-only|unsupported/],
  ["SELECT dblink_exec('dbname=postgres', 'DROP TABLE open')", /does not exist/],
  ['SELECT * FROM secret', /permission denied for table secret/],
  ['SELECT * FROM pg_authid', /permission denied for table pg_authid/],
];

describe('a hostile statement writes, reads and runs nothing', () => {
  beforeEach(() =>
    // A function that writes as its owner, an administrator.
    client.query(`CREATE FUNCTION public.drop_all() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN DROP TABLE shop.basket; RETURN 1; END $$;
      CREATE FUNCTION public.free() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN SET transaction_read_only = off; DROP TABLE shop.basket; RETURN 1; END $$;
      CREATE SEQUENCE public.numbers; GRANT ALL ON SEQUENCE public.numbers TO PUBLIC;
      CREATE TABLE public.open (id int); GRANT ALL ON public.open TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC`),
  );

  test('every statement that tries is refused, and leaves nothing behind', async () => {
    for (const [statement, refused] of HOSTILE)
      expect(await ask(statement), statement).toMatchObject({ refusal: { message: expect.stringMatching(refused) } });
    const { rows } = await client.query(`SELECT (SELECT count(*)::int FROM shop.basket) AS basket,
      (SELECT count(*)::int FROM public.open) AS open, (SELECT is_called FROM public.numbers) AS called,
      to_regclass('public.copied') AS copied`);
    expect(rows).toEqual([{ basket: 2_000, open: 0, called: false, copied: null }]);
  });

  test('what a statement sets or locks ends with it', async () => {
    await ask("SELECT set_config('search_path', 'nowhere', false), pg_advisory_lock(7)");
    expect(await rowsOf('SELECT count(*) FROM basket')).toEqual([['2000']]);
    expect((await client.query('SELECT pg_try_advisory_lock(7) AS free')).rows).toEqual([{ free: true }]);
  });

  test('a character of code 0 does not reach the server', async () => {
    await expect(ask('SELECT 1\u0000; DROP TABLE open')).rejects.toThrow('has a character of code 0');
  });
});

test('an error says where in the statement it is, as Postgres counts', async () => {
  expect(await ask("SELECT '\u{1f6d2}',\n  itm FROM basket")).toMatchObject({
    refusal: { code: '42703', message: 'column "itm" does not exist', position: 15 },
  });
  expect(await ask('EXPLAIN SELECT itm FROM basket')).toMatchObject({ refusal: { position: 16 } });
});

test('a user whom the database does not let in, and a database that is away, are named with what to do', async () => {
  const { host, port } = server;
  const question = { schema: 'shop', statement: 'SELECT 1', mostRows: 1, mostMillis: 1_000 };
  const login = { host, port, database, user: READER, auth: { password: 'wrong' }, tls: 'off' } as const;
  const { signal } = new AbortController();
  await expect(askDatabase(login, question, signal)).rejects.toThrow(
    /does not let 'millrace_reader' in .*database init/,
  );
  await expect(askDatabase({ ...login, port: 1 }, question, signal)).rejects.toThrow(
    'the database 127.0.0.1:1 does not',
  );
});
