import { beforeEach, describe, expect, test } from 'vitest';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { postgresDefinition } from '../../../../functions/sinks/postgres/postgres.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from './fresh-database.ts';

let writer: string;

useFreshDatabases();

beforeEach(async () => {
  writer = `writer_${database}`;
  await client.query(
    `CREATE ROLE ${writer} LOGIN PASSWORD '${server.password}'; GRANT CREATE ON SCHEMA public TO ${writer}`,
  );
});

interface Given {
  readonly key?: readonly string[];
  readonly user?: string;
}

async function write({ key, user = server.user }: Given, ...rows: readonly unknown[]): Promise<readonly string[]> {
  const { host, port, password } = server;
  const sink = postgresDefinition.open({
    step: 'test/sink',
    formerly: undefined,
    options: postgresDefinition.options.parse({ table: 't', ...(key && { key }) }),
    resources: postgresDefinition.resources.parse({ host, port, database, user, tls: 'off', auth: { password } }),
  });
  const events = logOf(rows.map((data) => ({ data })));
  const rejections = await sink.write(sliceOf({ events }));
  return rejections.map(({ at, message }) => `${events.findIndex(({ position }) => position === at)}: ${message}`);
}

const idsOf = async (): Promise<unknown[]> =>
  (await client.query('SELECT id FROM t ORDER BY id')).rows.map(({ id }) => id);

describe('a row that the table does not accept is rejected, and the others are written', () => {
  test('by a view WITH CHECK OPTION', async () => {
    await client.query(`CREATE TABLE base (id int PRIMARY KEY, v int);
      CREATE VIEW t AS SELECT * FROM base WHERE v < 5 WITH CHECK OPTION`);
    expect(await write({ key: ['id'] }, { id: 1, v: 1 }, { id: 2, v: 7 }, { id: 3, v: 2 })).toEqual([
      '1: new row violates check option for view "t" (SQLSTATE 44000)',
    ]);
    expect(await idsOf()).toEqual([1, 3]);
  });

  test('by a row-level security policy', async () => {
    await client.query(`CREATE TABLE t (id int PRIMARY KEY, v int); GRANT ALL ON t TO ${writer};
      ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (v < 5)`);
    expect(await write({ key: ['id'], user: writer }, { id: 1, v: 1 }, { id: 2, v: 7 }, { id: 3, v: 2 })).toEqual([
      '1: new row violates row-level security policy for table "t" (SQLSTATE 42501)',
    ]);
    expect(await idsOf()).toEqual([1, 3]);
  });
});

describe.each([
  ['an upserting sink', ['id']],
  ['an appending sink', undefined],
] as const)('%s rejects no row, also beside a bad one, for what the operator has to mend', (_, key) => {
  test.each([
    [
      'an exhausted sequence',
      `CREATE SEQUENCE s MAXVALUE 2; CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v < 5), n int DEFAULT nextval('s'))`,
      'reached maximum value of sequence',
    ],
    [
      'a missing partition',
      `CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v < 5)) PARTITION BY RANGE (id);
       CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (3)`,
      'no partition of relation "t" found for row',
    ],
    [
      'a right that a trigger needs',
      `CREATE TABLE other (id int); CREATE TABLE t (id int PRIMARY KEY, v int CHECK (v < 5));
       CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF NEW.id = 3 THEN INSERT INTO other VALUES (1); END IF; RETURN NEW; END $$;
       CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()`,
      'permission denied for table other',
    ],
  ])('%s', async (...[, setUp, message]) => {
    await client.query(`${setUp}; GRANT ALL ON t TO ${writer}`);
    if (setUp.includes('SEQUENCE')) await client.query(`GRANT ALL ON SEQUENCE s TO ${writer}`);
    const given = { ...(key && { key }), user: writer };
    await expect(write(given, { id: 1, v: 7 }, { id: 2, v: 1 }, { id: 3, v: 1 })).rejects.toThrow(message);
    expect(await idsOf()).toEqual([]);
  });
});

const KEY = { key: ['id'] };
const TABLE = 'CREATE TABLE t (id int PRIMARY KEY)';

describe('a sink that cannot work says so, and what to do, before it writes', () => {
  test.each<[string, string, Given, string]>([
    ['append into a view', 'CREATE VIEW t AS SELECT 1 AS id', {}, 't is a view'],
    [
      'append under row-level security',
      `${TABLE}; GRANT ALL ON t TO $; ALTER TABLE t ENABLE ROW LEVEL SECURITY`,
      { user: '$' },
      'give a key, or alter role',
    ],
    ['a deferrable key', 'CREATE TABLE t (id int PRIMARY KEY DEFERRABLE)', KEY, 'the constraint t_pkey on the sink'],
    [
      'no temporary tables',
      `${TABLE}; GRANT ALL ON t TO $; REVOKE TEMPORARY ON DATABASE # FROM public`,
      { user: '$' },
      'grant temporary on database',
    ],
    [
      'no right to the positions',
      `${TABLE}; GRANT ALL ON t TO $; CREATE TABLE millrace_progress
         (step text, shard text, revision bigint, state text, PRIMARY KEY (step, shard)); GRANT SELECT ON millrace_progress TO $`,
      { user: '$' },
      'grant select, insert, update on millrace_progress to',
    ],
    ['no right to insert', `${TABLE}; GRANT SELECT ON t TO $`, { user: '$' }, 'grant insert on "t" to'],
    [
      'no right to update',
      `${TABLE}; GRANT SELECT, INSERT ON t TO $`,
      { ...KEY, user: '$' },
      'grant select, insert, update on "t" to',
    ],
    [
      'more columns than a temporary table takes',
      `CREATE TABLE t (id int PRIMARY KEY, ${Array.from({ length: 1_599 }, (_, n) => `c${n} int`).join(', ')})`,
      KEY,
      'has 1600 columns, and the sink writes at most 1599',
    ],
  ])('%s', async (...[, setUp, given, message]) => {
    await client.query(setUp.replaceAll('$', writer).replaceAll('#', database));
    const writing = write({ ...given, ...(given.user && { user: writer }) }, { id: 1 });
    await expect(writing).rejects.toThrow(UserMistake);
    await expect(writing).rejects.toThrow(message);
  });
});
