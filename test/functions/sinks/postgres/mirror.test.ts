import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';
import type { OpenSink } from '../../../../functions/runtime/sink.ts';
import { postgresDefinition } from '../../../../functions/sinks/postgres/postgres.ts';
import { type Given, logOf, sliceOf } from '../../../contracts/slices.ts';
import { client, database, server, useFreshDatabases } from './fresh-database.ts';

useFreshDatabases();

function openMirror({
  key = ['id'],
  user = server.user,
  mode = 'mirror',
}: {
  key?: readonly string[];
  user?: string;
  mode?: string;
} = {}): OpenSink {
  const { host, port, password } = server;
  return postgresDefinition.open({
    step: 'test/sink',
    options: postgresDefinition.options.parse({ table: 't', key, mode }),
    resources: postgresDefinition.resources.parse({ host, port, database, user, tls: 'off', auth: { password } }),
  });
}

/** Writes changes in slices of the given size. Resolves to the rejections as `index: message`. */
async function write(sink: OpenSink, given: readonly Given[], { size = given.length, previous = 0 } = {}) {
  const events = logOf(given);
  const rejected: string[] = [];
  for (let start = 0, revision = previous; start < events.length; start += size, revision++) {
    const slice = sliceOf({ events: events.slice(start, start + size), previous: revision, pageSize: 7 });
    for (const { at, message } of await sink.write(slice))
      rejected.push(`${events.findIndex(({ position }) => position === at)}: ${message}`);
  }
  return rejected;
}

const inserted = (data: object): Given => ({ type: 't.inserted', data });
const updated = (data: object): Given => ({ type: 't.updated', data });
const deleted = (data: object): Given => ({ type: 't.deleted', data });

async function rowsOf(statement = 'SELECT * FROM t ORDER BY id'): Promise<unknown[][]> {
  const { rows } = await client.query({ text: statement, rowMode: 'array' });
  return rows;
}

test('a mirror stores inserted and updated rows, and deletes deleted ones, in the order of the changes', async () => {
  await client.query('CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL)');
  const given = [
    inserted({ id: 'a', n: 1 }),
    inserted({ id: 'b', n: 1 }),
    deleted({ id: 'a', n: 1 }),
    inserted({ id: 'c', n: 1 }),
    deleted({ id: 'c', n: 1 }),
    inserted({ id: 'c', n: 2 }),
    updated({ id: 'b', n: 3 }),
    deleted({ id: 'never seen', n: 0 }),
  ];
  expect(await write(openMirror(), given)).toEqual([]);
  expect(await rowsOf()).toEqual([
    ['b', 3],
    ['c', 2],
  ]);
});

test('a mirror leaves out the row as it was, unless its table has a column for it', async () => {
  await client.query('CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL)');
  const given = [
    inserted({ id: 'a', n: 1, before: null }),
    updated({ id: 'a', n: 2, before: { id: 'a', n: 1 } }),
    inserted({ id: 'b', n: 1, before: null }),
    deleted({ id: 'b', n: 1, before: { id: 'b', n: 1 } }),
  ];
  expect(await write(openMirror(), given)).toEqual([]);
  expect(await rowsOf()).toEqual([['a', 2]]);
  await client.query('ALTER TABLE t ADD before jsonb');
  expect(await write(openMirror(), [updated({ id: 'a', n: 3, before: { n: 2 } })], { previous: 1 })).toEqual([]);
  expect(await rowsOf()).toEqual([['a', 3, { n: 2 }]]);
  const unknown = write(openMirror(), [updated({ id: 'a', n: 3, after: 1 })], { previous: 2 });
  await expect(unknown).rejects.toThrow('after');
});

test.each([3, 40])(
  'a mirror equals the table whose changes it reads, in slices of %d, and after a replay',
  async (size) => {
    await client.query(
      `CREATE TABLE t (id int, part text, n int CHECK (n <> 13), note text DEFAULT 'none', PRIMARY KEY (id, part))`,
    );
    const given: Given[] = [];
    const table = new Map<string, readonly unknown[]>();
    for (let step = 0, state = 7; step < 200; step++) {
      state = (state * 1103515245 + 12345) % 2147483648;
      const [id, part, n] = [state % 5, state % 3 === 0 ? 'x' : 'y', Math.floor(state / 64) % 20];
      const key = `${id} ${part}`;
      const before = table.get(key);
      if (before !== undefined && n % 3 === 0) {
        given.push(deleted({ id, part, ...(n % 2 === 0 ? { n: before[2], note: before[3] } : {}) }));
        table.delete(key);
        continue;
      }
      const note = n % 4 === 0 ? undefined : `note ${step}`;
      given.push((before === undefined ? inserted : updated)({ id, part, n, ...(note && { note }) }));
      // The database rejects the row, so the one before stays.
      if (n !== 13) table.set(key, [id, part, n, note ?? before?.[3] ?? 'none']);
    }
    const sink = openMirror({ key: ['id', 'part'] });
    const rejected = await write(sink, given, { size });
    expect(rejected).toHaveLength(given.filter(({ data }) => (data as { n?: number }).n === 13).length);
    const expected = [...table.values()].sort((a, b) => (a.slice(0, 2).join() < b.slice(0, 2).join() ? -1 : 1));
    expect(await rowsOf('SELECT * FROM t ORDER BY id, part')).toEqual(expected);
    await write(sink, given, { size, previous: Math.ceil(given.length / size) });
    expect(await rowsOf('SELECT id, part FROM t ORDER BY id, part')).toEqual(expected.map(([id, part]) => [id, part]));
  },
);

test('a deletion needs no more than the key, also where columns and their domains take no null', async () => {
  await client.query(`CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0); CREATE DOMAIN small AS positive;
    CREATE TABLE t (id text PRIMARY KEY, n small, at date NOT NULL)`);
  const at = '2026-11-22';
  const given = [
    inserted({ id: 'a', n: 1, at }),
    inserted({ id: 'b', n: -1, at }),
    inserted({ id: 'c', n: 3, at }),
    deleted({ id: 'a' }),
  ];
  expect(await write(openMirror(), given)).toEqual([
    '1: value for domain small violates check constraint "positive_check" (SQLSTATE 23514)',
  ]);
  expect(await rowsOf('SELECT id, n FROM t')).toEqual([['c', 3]]);
  expect(await write(openMirror(), [deleted({ id: 'c' })], { previous: 1 })).toEqual([]);
  expect(await rowsOf()).toEqual([]);
});

test('a row may take the unique value of a row that is deleted in the same slice', async () => {
  await client.query('CREATE TABLE t (id text PRIMARY KEY, email text UNIQUE)');
  const given = [inserted({ id: 'a', email: 'x' }), deleted({ id: 'a' }), inserted({ id: 'b', email: 'x' })];
  expect(await write(openMirror(), given)).toEqual([]);
  expect(await rowsOf()).toEqual([['b', 'x']]);
});

test('a mirror rejects what is no change of a row, a change without key, and a deletion that a constraint forbids', async () => {
  await client.query(`CREATE TABLE t (id text PRIMARY KEY); INSERT INTO t VALUES ('kept'), ('gone');
    CREATE TABLE other (id text REFERENCES t); INSERT INTO other VALUES ('kept')`);
  const given = [
    { type: 't.placed', data: { id: 'a' } },
    { type: 'deleted', data: { id: 'gone' } },
    deleted({}),
    deleted({ id: null }),
    deleted({ id: 'kept' }),
    deleted({ id: 'gone' }),
    inserted({ id: 'b' }),
  ];
  const rule =
    'is no change of a row: a mirror takes types that end with .inserted, .updated, .deleted or .truncated (SQLSTATE 22023)';
  const noKey = 'column id: null value in column "id" of relation "t" (SQLSTATE 23502)';
  expect(await write(openMirror(), given)).toEqual([
    `0: the type "t.placed" ${rule}`,
    `1: the type "deleted" ${rule}`,
    `2: ${noKey}`,
    `3: ${noKey}`,
    expect.stringMatching(/^4: update or delete on table "t" violates foreign key constraint .* \(SQLSTATE 23503\)$/),
  ]);
  expect(await rowsOf()).toEqual([['b'], ['kept']]);
});

test('a mirror says when it opens which right it lacks, and that row-level security would hide rows from it', async () => {
  await client.query(`CREATE TABLE t (id text PRIMARY KEY); CREATE ROLE writer_of_${database} LOGIN PASSWORD '${server.password}';
    GRANT CREATE ON SCHEMA public TO writer_of_${database};
    GRANT SELECT, INSERT, UPDATE ON t TO writer_of_${database}`);
  const sink = openMirror({ user: `writer_of_${database}` });
  const one = [inserted({ id: 'a' })];
  await expect(write(sink, one)).rejects.toThrow(
    /may not write the table t: grant select, insert, update, delete on "t" to/,
  );
  await client.query(`GRANT DELETE ON t TO writer_of_${database}; ALTER TABLE t ENABLE ROW LEVEL SECURITY`);
  await expect(write(sink, one)).rejects.toThrow(
    /row-level security for the user writer_of_\S+, which would hide rows/,
  );
  await client.query('ALTER TABLE t DISABLE ROW LEVEL SECURITY');
  expect(await write(sink, one)).toEqual([]);
});

test('a mirror without a key is refused when the pipeline is defined', () => {
  expect(() => postgresDefinition.options.parse({ table: 't', mode: 'mirror' })).toThrow(
    'is missing: a mirror finds the row of a change by its key',
  );
});

test('a mirror keeps the values that an update lists as unchanged, and inserts no row from such an update', async () => {
  await client.query(`CREATE TABLE t (id text PRIMARY KEY, n int, body text NOT NULL, note text DEFAULT 'none')`);
  const given = [
    inserted({ id: 'a', n: 1, body: 'long', note: 'x' }),
    inserted({ id: 'b', n: 1, body: 'longer', note: 'y' }),
    updated({ id: 'a', n: 2, note: null, unchanged: ['body'] }),
    updated({ id: 'a', n: 3, unchanged: ['body', 'note'] }),
    updated({ id: 'b', unchanged: ['n', 'body', 'note'] }),
    deleted({ id: 'b' }),
    updated({ id: 'never seen', n: 3, unchanged: ['body', 'note'] }),
  ];
  expect(await write(openMirror(), given)).toEqual([]);
  expect(await rowsOf()).toEqual([['a', 3, 'long', null]]);
});

test('a mirror finds the bad row among updates with unchanged values', async () => {
  await client.query(`CREATE TABLE t (id text PRIMARY KEY, n int CHECK (n <> 13), body text NOT NULL)`);
  const given = [
    inserted({ id: 'a', n: 1, body: 'long' }),
    updated({ id: 'a', n: 13, unchanged: ['body'] }),
    updated({ id: 'a', n: 'no number', unchanged: ['body'] }),
    updated({ id: 'a', n: 2, unchanged: ['body'] }),
  ];
  const rejected = await write(openMirror(), given);
  expect(rejected.map((text) => text.slice(0, 2))).toEqual(['1:', '2:']);
  expect(await rowsOf()).toEqual([['a', 2, 'long']]);
});

test("a table's own column called unchanged is a column of its mirror", async () => {
  await client.query(`CREATE TABLE t (id text PRIMARY KEY, unchanged jsonb)`);
  const rows = [inserted({ id: 'a', unchanged: ['id'] }), updated({ id: 'a', unchanged: ['x'] })];
  expect(await write(openMirror(), rows)).toEqual([]);
  expect(await rowsOf()).toEqual([['a', ['x']]]);
});

const HALVES = [
  { from: 0n, to: (1n << 127n) - 1n },
  { from: 1n << 127n, to: (1n << 128n) - 1n },
] as const;
const WHOLE = { from: 0n, to: (1n << 128n) - 1n };
const isLow = (key: string) => hashOf(key) < HALVES[1].from;
const truncated = (parts: Given['parts'], data: object = { key: ['id'], types: [25] }): Given => ({
  type: 't.truncated',
  data,
  ...(parts === undefined ? {} : { parts }),
});

test('a truncation empties a mirror in its place among the changes', async () => {
  await client.query('CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL)');
  const given = [
    inserted({ id: 'a', n: 1 }),
    inserted({ id: 'b', n: 1 }),
    truncated([WHOLE]),
    inserted({ id: 'b', n: 2 }),
    truncated([WHOLE]),
    inserted({ id: 'c', n: 3 }),
  ];
  for (const [revision, size] of [given.length, 1, 2].entries()) {
    await client.query('DELETE FROM t; DELETE FROM millrace_progress').catch(() => undefined);
    expect(await write(openMirror(), given, { size })).toEqual([]);
    expect([revision, await rowsOf()]).toEqual([revision, [['c', 3]]]);
  }
});

test('a truncation in one shard deletes the rows whose keys hash into the shard, and no others', async () => {
  await client.query('CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL)');
  const ids = Array.from({ length: 200 }, (_, n) =>
    n % 50 === 0 ? `${'long ü'.repeat(60)} ${n}` : `key ${n} "\\\u0001`,
  );
  const keyOf = (id: string) => (id.length > 256 ? `sha256:${createHash('sha256').update(id).digest('hex')}` : id);
  await write(
    openMirror(),
    ids.map((id) => inserted({ id, n: 1 })),
  );
  expect(await write(openMirror(), [truncated([HALVES[0]])], { previous: 1 })).toEqual([]);
  const left = (await rowsOf()).map(([id]) => id);
  expect(left.toSorted()).toEqual(ids.filter((id) => !isLow(keyOf(id))).toSorted());
  expect(left.length).toBeGreaterThan(50);
  expect(await write(openMirror(), [truncated([HALVES[1]])], { previous: 2 })).toEqual([]);
  expect(await rowsOf()).toEqual([]);
});

test('a truncation finds the rows of a key of several columns by the list of their texts', async () => {
  const types = 'a uuid, b bigint, c numeric(9,2), d timestamptz, e date';
  await client.query(`CREATE TABLE t (${types}, id int, PRIMARY KEY (c, b, a, d, e))`);
  const key = ['a', 'b', 'c', 'd', 'e'];
  const rows = Array.from({ length: 60 }, (_, n) => ({
    ...{ a: `0190b0f0-0000-7000-8000-0000000000${String(n).padStart(2, '0')}`, b: n, c: n / 4 },
    ...{ d: `2026-01-01T00:00:${String(n).padStart(2, '0')}.5Z`, e: '2026-02-03', id: n },
  }));
  await write(openMirror({ key }), rows.map(inserted));
  const data = { key, types: [2950, 23, 1700, 1184, 1082] };
  expect(await write(openMirror({ key }), [truncated([HALVES[0]], data)], { previous: 1 })).toEqual([]);
  // As the log of the table has the values.
  const texts = ({ a, b, c, d, e }: (typeof rows)[number]) =>
    JSON.stringify([a, `${b}`, c.toFixed(2), `${d.replace('T', ' ').slice(0, -1)}+00`, e]);
  const left = (await rowsOf('SELECT id FROM t ORDER BY id')).flat();
  expect(left).toEqual(rows.filter((row) => !isLow(texts(row))).map(({ id }) => id));
  expect(left.length).toBeGreaterThan(10);
  expect(left.length).toBeLessThan(50);
});

test('a truncation that does not say which rows go is rejected, with what to do, and no row goes', async () => {
  await client.query('CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL)');
  const given = [
    inserted({ id: 'a', n: 1 }),
    truncated(undefined),
    truncated([WHOLE], { id: 'a' }),
    truncated([HALVES[0]], { key: ['id'], types: [1184] }),
    truncated([HALVES[0]], { key: ['n'], types: [23] }),
    inserted({ id: 'b', n: 1 }),
  ];
  expect(await write(openMirror(), given)).toEqual([
    expect.stringMatching(/^1: this truncation came through a transform, or was put back/),
    expect.stringMatching(/^2: the data of a truncation is/),
    expect.stringMatching(/^3: .* the column id is text here, and of another type in the table: make the key/),
    expect.stringMatching(/^4: .* the column n is not in its key/),
  ]);
  expect(await rowsOf()).toEqual([
    ['a', 1],
    ['b', 1],
  ]);
});

test('a truncation that a constraint forbids is rejected, and the changes around it are stored', async () => {
  await client.query(`CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL);
    CREATE TABLE u (t text REFERENCES t)`);
  await write(openMirror(), [inserted({ id: 'a', n: 1 })]);
  await client.query(`INSERT INTO u VALUES ('a')`);
  const given = [inserted({ id: 'b', n: 1 }), truncated([WHOLE]), inserted({ id: 'c', n: 1 })];
  expect(await write(openMirror(), given, { previous: 1 })).toEqual([expect.stringMatching(/^1: .*foreign key/)]);
  expect((await rowsOf()).map(([id]) => id)).toEqual(['a', 'b', 'c']);
});

test('a sink that is no mirror makes a dead letter of a truncation, and stores the rows around it', async () => {
  await client.query('CREATE TABLE t (id text PRIMARY KEY, n int NOT NULL)');
  const given = [inserted({ id: 'a', n: 1 }), truncated([WHOLE]), inserted({ id: 'b', n: 1 })];
  expect(await write(openMirror({ mode: 'rows' }), given)).toEqual([
    expect.stringMatching(/^1: it concerns all rows, such as a TRUNCATE, and is none/),
  ]);
  expect((await rowsOf()).map(([id]) => id)).toEqual(['a', 'b']);
});
