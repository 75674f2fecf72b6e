import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { Transform } from '../../../functions/runtime/transform.ts';
import { compileFiles, compileSqlFiles } from '../../../infra/sql/compile-files.ts';

const root = resolve(import.meta.dirname, '../../..');
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const SCHEMA = `import { z } from 'zod';
export const Order = z.object({ order_id: z.int(), status: z.string().nullable(), sales: z.number(), tags: z.array(z.string()), placed: z.iso.datetime(), items: z.array(z.object({ sku: z.string(), qty: z.int32() })), address: z.object({ city: z.string() }).nullable(), big: z.int32().nullable(), ratio: z.float64(), payload: z.json() });
`;

const SQL = `-- schema: ./order.ts#Order
CREATE STREAM big_orders AS
SELECT order_id, sales, upper(status) AS state, status = 'A' AND big > 1 AS both, sales * 2 AS twice, tags[1] AS tag, date_trunc('day', placed) AS day,
  coalesce(big, 0) + 1 AS next, greatest(big, 3) AS most, big IN (1, 2) AS listed, nullif(big, 1) AS other, big IS DISTINCT FROM 2 AS differs, (address).city,
  CASE WHEN big > 1 THEN 'many' END AS many, lower(trim(status)) AS clean, ARRAY[big, 1] AS pair, 'a' = ANY(tags) AS tagged, payload -> 'a' AS a,
  concat(status, '-', big) AS label, ratio::int AS whole, time, key AS old_key, tags::text AS list, big::text || '!' AS loud, placed + interval '1 day' AS later
FROM orders WHERE sales > 10 AND status = 'A' AND (big IS NULL OR big > 0) PARTITION BY order_id`;

/** Inside of the repository, so that imports find their packages; dot-files are outside of every check. */
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(root, 'test', '.compile-'));
  folders.push(folder);
  mkdirSync(join(folder, 'transforms'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'transforms', name), text);
  return join(folder, 'transforms');
}

function folderWithTables(transforms: Record<string, string>, files: Record<string, string>): string {
  const tables = join(folderWith(transforms), '../tables');
  mkdirSync(tables);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(tables, name), text);
  return tables;
}

const compile = (
  transforms: string,
  { check = false, tables, joins }: { check?: boolean; tables?: string; joins?: string } = {},
) =>
  compileFiles(
    {
      transforms,
      ...(tables === undefined ? {} : { tables }),
      ...(joins === undefined ? {} : { joins }),
      runtime: join(root, 'functions/runtime'),
    },
    { check },
  );

/**
 * Copies of folders that tests have compiled, and that one run of the type checker checks below: each run costs
 * seconds.
 */
const toCheck: string[] = [];
afterAll(() => {
  for (const folder of toCheck) rmSync(join(folder, '..'), { recursive: true, force: true });
});

function checkLater(...compiled: readonly string[]): void {
  for (const folder of compiled) {
    const copy = mkdtempSync(join(root, 'test', '.compile-'));
    cpSync(join(folder, '..'), copy, { recursive: true });
    toCheck.push(join(copy, basename(folder)));
  }
}

/** What `tsc` says of these folders, in one run. */
function typeErrors(...transforms: readonly string[]): string {
  const config = join(transforms[0]!, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      include: transforms.map((folder) => `${folder}/*.ts`),
      exclude: [],
      compilerOptions: { types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
    }),
  );
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { encoding: 'utf8' });
  return stdout;
}

test('SQL on the output of SQL takes the schema of its outputs, whatever the order of the files', async () => {
  const transforms = folderWith({
    'order.ts': SCHEMA,
    'a.sql': '-- schema: ./b.sql.ts#b\nSELECT order_id, gross + 1 AS more FROM b',
    'b.sql': '-- schema: ./order.ts#Order\nCREATE STREAM b AS SELECT order_id, sales * 2 AS gross FROM orders',
  });
  expect((await compile(transforms)).map(({ state }) => state)).toEqual(['written', 'written']);
  checkLater(transforms);
  writeFileSync(join(transforms, 'b.sql'), '-- schema: ./order.ts#Order\nSELECT order_id, status AS gross FROM orders');
  await expect(compile(transforms)).rejects.toThrow('operator does not exist: text + integer');
});

test('SQL on the changes of a table takes the schema of its rows, in whichever folder it is', async () => {
  const sql = 'CREATE TABLE a AS SELECT order_id, count(*) AS n FROM orders GROUP BY order_id';
  const files = { 'a.sql': `-- schema: ../transforms/order.ts#Order\n${sql}` };
  const tables = folderWithTables(
    { 'order.ts': SCHEMA, 'b.sql': '-- schema: ../tables/a.sql.ts#a\nSELECT order_id, n + 1 AS more FROM changes' },
    files,
  );
  const compiled = await compile(join(tables, '../transforms'), { tables });
  expect(compiled.map(({ file, state }) => [relative(tables, file), state])).toEqual([
    ['a.sql.ts', 'written'],
    ['../transforms/b.sql.ts', 'written'],
  ]);
  expect(readFileSync(join(tables, '../transforms/b.sql.ts'), 'utf8')).toContain('from: a.row,');
});

const JOIN = `-- schema big: ../transforms/big.sql.ts#big
-- schema people: ./person.ts#Person
CREATE STREAM named AS
SELECT b.order_id, p.name, p.level, upper(p.name) AS loud FROM big b LEFT JOIN people p ON p.id = b.order_id`;

test('a join takes the schemas of both its inputs, also the outputs of SQL, and a side that may be missing may be null', async () => {
  const transforms = folderWith({
    'order.ts': SCHEMA,
    'big.sql': '-- schema: ./order.ts#Order\nSELECT order_id, sales FROM orders WHERE sales > 10',
  });
  const joins = join(transforms, '../joins');
  mkdirSync(joins);
  const person = `import { z } from 'zod';
export const Person = z.object({ id: z.int(), name: z.string(), level: z.enum(['a', 'b']) });
`;
  writeFileSync(join(joins, 'person.ts'), person);
  writeFileSync(join(joins, 'named.sql'), JOIN);
  expect((await compile(transforms, { joins })).map(({ state }) => state)).toEqual(['written', 'written']);
  expect((await compile(transforms, { joins, check: true })).map(({ state }) => state)).toEqual([
    'unchanged',
    'unchanged',
  ]);
  const text = readFileSync(join(joins, 'named.sql.ts'), 'utf8');
  expect(text).toContain("streams: { left: 'big', right: 'people', to: 'named' },");
  expect(text).toContain('big: big.to,');
  expect(text).toContain('level: Person.shape.level.nullable(),');
  expect(text).toContain('loud: z.string().nullable(),');
  checkLater(joins);
  const table = JOIN.replace('STREAM', 'TABLE')
    .replace('LEFT', 'FULL')
    .replace('b.order_id,', 'coalesce(b.order_id, p.id) AS id,');
  writeFileSync(join(joins, 'named.sql'), table);
  await compile(transforms, { joins });
  const ofTables = readFileSync(join(joins, 'named.sql.ts'), 'utf8');
  expect(ofTables).toContain("key: ['id'],");
  expect(ofTables).toMatch(/row: z.object\(\{\n\s+id: z\.[^\n]*\),\n/);
  expect(ofTables).not.toMatch(/ id: [^\n]*nullable/);
  expect(ofTables).toContain("shape: 'join 1 of big by ");
  checkLater(joins);
  writeFileSync(join(joins, 'named.sql'), JOIN.replace(/SELECT.*/s, 'SELECT b.order_id FROM big AS b'));
  await expect(compile(transforms, { joins })).rejects.toThrow('a file in functions/joins joins two inputs');
  writeFileSync(join(joins, 'named.sql'), JOIN.replace('people: ', 'persons: '));
  await expect(compile(transforms, { joins })).rejects.toThrow('there is no input "people"');
  writeFileSync(join(joins, 'named.sql'), JOIN.replaceAll(/-- schema \w+: /g, '-- schema: '));
  await expect(compile(transforms, { joins })).rejects.toThrow(
    'the file does not name the schemas of the inputs that it joins',
  );
});

test('statements that read the output of each other are refused', async () => {
  const transforms = folderWith({
    'a.sql': '-- schema: ./b.sql.ts#b\nSELECT id FROM b',
    'b.sql': '-- schema: ./a.sql.ts#a\nSELECT id FROM a',
  });
  await expect(compile(transforms)).rejects.toThrow('is that of its own output');
});

test('a schema may have a name that the compiled module uses too', async () => {
  const folders = ['Row', 'handler', 'z'].map((name) =>
    folderWith({
      'schema.ts': `import * as zod from 'zod';\nexport const ${name} = zod.object({ id: zod.int() });\n`,
      'ids.sql': `-- schema: ./schema.ts#${name}\nSELECT id FROM ids`,
    }),
  );
  for (const transforms of folders) expect((await compile(transforms)).map(({ state }) => state)).toEqual(['written']);
  checkLater(...folders);
});

test.each([
  ['./ordr.ts#Order', 'module ./ordr.ts does not exist', ''],
  ['./order.ts#Ordr', './order.ts exports no zod schema named Ordr', '\n  hint: it exports Order'],
  ['./none.ts#none', './none.ts exports no zod schema named none', ''],
])('a first line that names the schema %s does not compile', async (schema, problem, hint) => {
  const transforms = folderWith({
    'order.ts': SCHEMA,
    'none.ts': 'export const none = 1;\n',
    'ids.sql': `-- schema: ${schema}\nSELECT id FROM ids`,
  });
  const message = `ids.sql:1:12: ${problem}\n1 | -- schema: ${schema}\n               ^${hint}`;
  await expect(compile(transforms)).rejects.toThrow(message);
});

test('a compiled module passes the type checker and runs, and the compiler reports what changed', async () => {
  const transforms = folderWith({ 'order.ts': SCHEMA, 'big-orders.sql': SQL });
  expect((await compile(transforms, { check: true })).map(({ state }) => state)).toEqual(['stale']);
  expect((await compile(transforms)).map(({ state }) => state)).toEqual(['written']);
  expect((await compile(transforms, { check: true })).map(({ state }) => state)).toEqual(['unchanged']);

  checkLater(transforms);

  const module = (await import(pathToFileURL(join(transforms, 'big-orders.sql.ts')).href)) as {
    bigOrders: Transform & { to: z.ZodType };
    handler: unknown;
  };
  expect(module.handler).toBeTypeOf('function');
  const data = {
    order_id: 7,
    status: 'A',
    sales: 12.5,
    tags: ['x'],
    placed: '2026-11-22T10:00:00Z',
    items: [],
    address: null,
    big: 2,
    ratio: 2.5,
    payload: { a: 1 },
  };
  const event = {
    id: 'i',
    source: 's',
    type: 'order.placed',
    time: '2026-11-22T10:00:00Z',
    key: 'k',
    dataBytes: Buffer.from(JSON.stringify(data)),
  } as unknown as ReceivedEvent;
  const [output, ...others] = module.bigOrders.run(event);
  expect(others).toEqual([]);
  expect(output).toMatchObject({ type: 'order.placed', key: '7', time: event.time });
  const made: unknown = JSON.parse(Buffer.from(output!.dataBytes).toString());
  expect(made).toMatchObject({
    order_id: 7,
    sales: 12.5,
    state: 'A',
    both: true,
    twice: 25,
    next: 3,
    most: 3,
    listed: true,
    other: 2,
    city: null,
    whole: 2,
    old_key: 'k',
  });
  // What it makes fits the schema that it exports.
  expect(module.bigOrders.to.safeParse(made).error).toBeUndefined();
});

/** A pipeline with a compiled transform, and a transform in TypeScript that reads its output. */
const BEHIND = `import { z } from 'zod';
import { defineTransform } from '${root}/functions/runtime/transform.ts';
import { definePipeline } from '${root}/infra/pipelines/pipeline.ts';
import { Order } from './order.ts';
import { sales } from './sales.sql.ts';

const Total = z.object({ total: z.number(), state: z.enum(['OPEN', 'PAID']) });
const totals = defineTransform({
  entry: import.meta.url,
  from: sales.to,
  to: Total,
  apply: ({ type, data }) => [{ type, data: { total: data.amount * 2, state: data.status } }],
});

export const shop = definePipeline({
  name: 'shop',
  streams: { orders: { schema: Order }, sales: { schema: sales.to }, totals: { schema: Total } },
  transforms: {
    selling: { from: 'orders', apply: sales, to: 'sales' },
    adding: { from: 'sales', apply: totals, to: 'totals' },
  },
});
`;
const SALES_SCHEMA = `import { z } from 'zod';
export const Order = z.object({ id: z.int(), status: z.enum(['OPEN', 'PAID']), total: z.number().nullable() });
`;
const SALES = `-- schema: ./order.ts#Order
CREATE STREAM sales AS SELECT id, status, total AS amount FROM orders WHERE total > 0`;

const CHANGES: readonly [change: string, sql: string, error: RegExp][] = [
  ['a column that is renamed', SALES.replace('AS amount', 'AS sum'), /^behind\.ts.*'amount' does not exist/],
  ['a column that may be null', SALES.replace('WHERE total > 0', ''), /^behind\.ts.*'data\.amount' is possibly 'null'/],
  ['a column of another type', SALES.replace('status,', 'lower(status) AS status,'), /^behind\.ts.*state: string/],
  ['FROM another stream', SALES.replace('FROM orders', 'FROM order_lines'), /^behind\.ts\(19,.*SqlTransform</],
  ['CREATE STREAM another stream', SALES.replace('STREAM sales', 'STREAM sold'), /^behind\.ts\(19,.*SqlTransform</],
];

/** A table in SQL, and a sink behind its rows. */
const TABLE = `-- schema: ../transforms/order.ts#Order
CREATE TABLE totals AS
SELECT id, total, count(*) AS n, sum(total) AS s, avg(total)::float8 AS mean, max(status) AS status, array_agg(DISTINCT id ORDER BY id DESC) AS ids,
  stddev(total) AS spread, topk(total, 2) AS top, histogram(status) AS h, string_agg(status, ',') AS list, min(time) AS first, latest(status, time) AS last,
  count(*) FILTER (WHERE total > 2) AS many, bool_or(total > 1) AS any, interval '1 day' * count(*) > max(interval '1 day') AS long, id + count(*) * 2 AS more
FROM orders, unnest(ARRAY[1, id]) AS item GROUP BY id, total HAVING count(*) > 1 OR bool_and(id IS NULL)`;
const LATEST = `-- schema: ../transforms/order.ts#Order
CREATE TABLE latest AS SELECT DISTINCT ON (id) id, status, total * 2 AS twice, time FROM orders ORDER BY id, time DESC, total`;
const BEHIND_TABLE = `import type { z } from 'zod';
import { definePipeline } from '${root}/infra/pipelines/pipeline.ts';
import { Order } from '../transforms/order.ts';
import { latest } from './latest.sql.ts';
import { totals } from './totals.sql.ts';

export const shop = definePipeline({
  name: 'shop',
  streams: { orders: { schema: Order } },
  tables: { totals: { from: 'orders', keep: totals }, latest: { from: 'orders', keep: latest } },
});
export const row: z.output<typeof latest.row> = { id: 1, status: 'PAID', twice: 2, time: 'x' };
export const wrong: z.output<typeof latest.row> = { ...row, status: 'SHIPPED' };
`;

/** Connectors whose options name fields of a loose schema: `FIELD` stands where each of them names one. */
const NAMING = `import { z } from 'zod';
import { postgresSink } from '${root}/functions/sinks/postgres/postgres.ts';
import { s3Sink } from '${root}/functions/sinks/s3/s3.ts';
import { httpSource } from '${root}/functions/sources/http/http.ts';
import { s3FilesSource } from '${root}/functions/sources/s3-files/s3-files.ts';
import { definePipeline, minutes } from '${root}/infra/pipelines/pipeline.ts';

const schema = z.looseObject({ id: z.string(), day: z.string().optional(), region: z.string().nullish() });
const type = 'item.sent';
export const sources = [
  httpSource({ schema, type, key: 'FIELD' }),
  httpSource({ schema, type, key: 'id', time: 'FIELD' }),
  s3FilesSource({ schema, type, format: 'csv', key: 'FIELD' }),
  s3FilesSource({ schema, type, format: 'csv', key: 'id', time: 'FIELD' }),
];
const streams = { raw: { schema } };
const [by, every] = ['month', minutes(5)] as const;
const from = 'raw';
export const pipelines = [
  definePipeline({ name: 'a', streams, sinks: { a: { from, write: s3Sink({ prefix: 'a', fields: ['region', 'FIELD'] }), every } } }),
  definePipeline({ name: 'b', streams, sinks: { b: { from, write: postgresSink({ table: 'b', key: ['id', 'FIELD'] }) } } }),
  definePipeline({ name: 'c', streams, sinks: { c: { from, write: s3Sink({ prefix: 'c', by }), every } } }),
];
`;
const NAMED = NAMING.split('\n').flatMap((text, at) => (text.includes('FIELD') ? [at + 1] : []));

describe('one run of the type checker', () => {
  let [unchanged, declared, misspelt, tables]: string[] = [];
  let changed: readonly string[] = [];
  let errors: readonly string[] = [];

  beforeAll(async () => {
    const compiled = async (sql: string): Promise<string> => {
      const transforms = folderWith({ 'order.ts': SALES_SCHEMA, 'sales.sql': sql, 'behind.ts': BEHIND });
      await compile(transforms);
      return transforms;
    };
    unchanged = await compiled(SALES);
    changed = await Promise.all(CHANGES.map(([, sql]) => compiled(sql)));
    declared = folderWith({ 'naming.ts': NAMING.replaceAll('FIELD', 'id') });
    misspelt = folderWith({ 'naming.ts': NAMING.replaceAll('FIELD', 'idd') });
    const files = { 'totals.sql': TABLE, 'latest.sql': LATEST, 'behind.ts': BEHIND_TABLE };
    tables = folderWithTables({ 'order.ts': SALES_SCHEMA }, files);
    await compile(join(tables, '../transforms'), { tables });
    errors = typeErrors(unchanged, ...changed, declared, misspelt, tables, ...toCheck).split('\n');
  }, 60_000);

  const errorsIn = (folder = ''): readonly string[] => {
    const prefix = `${relative(root, folder)}/`;
    return errors.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
  };

  test('finds no mistake in what the tests above have compiled', () => {
    expect(toCheck).toHaveLength(7);
    for (const folder of toCheck) expect(errorsIn(folder)).toEqual([]);
  });

  test('rejects each change of the output of SQL in the step that reads it, and nothing else', () => {
    expect(errorsIn(unchanged)).toEqual([]);
    for (const [at, [change, , error]] of CHANGES.entries()) {
      expect(errorsIn(changed[at]), change).toEqual([expect.stringMatching(error)]);
    }
    expect(errors.filter((line) => line.includes('error TS'))).toHaveLength(CHANGES.length + NAMED.length + 1);
  });

  test('takes compiled tables in a pipeline, and a row for what the table declares', () => {
    expect(errorsIn(tables)).toEqual([expect.stringMatching(/^behind\.ts\(13,.*'"SHIPPED"' is not assignable/)]);
  });

  test('rejects a key, a time and a partition that a loose schema does not declare', () => {
    expect(errorsIn(declared)).toEqual([]);
    expect(errorsIn(misspelt)).toEqual(
      NAMED.map((line) => expect.stringMatching(new RegExp(`^naming\\.ts\\(${line},.*error TS`))),
    );
  });
});

test('every module beside a .sql file is up to date', async () => {
  const files = await compileSqlFiles({ check: true });
  expect(files.length).toBeGreaterThan(0);
  const stale = files.filter(({ state }) => state !== 'unchanged').map(({ file }) => relative(root, file));
  expect(stale, 'run npm run sql:compile, and commit what it writes').toEqual([]);
});

test('a module whose .sql file does not exist any more is reported', async () => {
  const transforms = folderWith({ 'order.ts': SCHEMA, 'big-orders.sql': SQL, 'gone.sql.ts': '' });
  const states = (await compile(transforms, { check: true })).map(({ file, state }) => [
    relative(transforms, file),
    state,
  ]);
  expect(states).toEqual([
    ['big-orders.sql.ts', 'stale'],
    ['gone.sql.ts', 'left over'],
  ]);
});

test('a compiled module contains nothing of the parser', async () => {
  const transforms = folderWith({ 'order.ts': SCHEMA, 'big-orders.sql': SQL });
  await compile(transforms);
  const text = readFileSync(join(transforms, 'big-orders.sql.ts'), 'utf8');
  expect(text).not.toMatch(/libpg-query|infra\//);
});

test('an event for which an expression fails is rejected with the position of the expression', async () => {
  const transforms = folderWith({
    'order.ts': SCHEMA,
    'shares.sql': '-- schema: ./order.ts#Order\nSELECT order_id,\n  10 / big AS share\nFROM orders',
  });
  await compile(transforms);
  const { shares } = (await import(pathToFileURL(join(transforms, 'shares.sql.ts')).href)) as { shares: Transform };
  const run = (data: unknown) =>
    shares.run({
      type: 't',
      key: 'k',
      time: '',
      dataBytes: Buffer.from(JSON.stringify(data)),
    } as unknown as ReceivedEvent);
  expect(() => run({ order_id: 1, big: 0 })).toThrow('division by zero (SQLSTATE 22012), at shares.sql:3:3');
  expect(Buffer.from(run({ order_id: 1, big: 5 })[0]!.dataBytes).toString()).toBe('{"order_id":1,"share":2}');
  expect(() => run({ order_id: 'x', big: 5 })).toThrow('column "order_id" must be bigint, not');
  expect(() => run({ big: 5 })).toThrow('column "order_id" is missing or null');
});
