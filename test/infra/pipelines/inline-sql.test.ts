import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { BUNDLE_FILE, bundle } from '../../../infra/bundle.ts';
import { sql } from '../../../infra/pipelines/inline-sql.ts';
import { definePipeline, type Pipeline } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';
import { REPOSITORY } from '../../../infra/repository.ts';
import { event } from '../../kit/given-events.ts';
import { inAnyOrder } from '../../kit/in-any-order.ts';
import { startPipelineRun } from '../../kit/pipeline-run.ts';
import { synthesized } from '../stacks/synthesized.ts';

const Order = z.object({
  id: z.int(),
  status: z.enum(['OPEN', 'PAID']),
  total: z.number().nullable(),
  placed: z.iso.datetime(),
  note: z.string().optional(),
});
const Sale = z.object({ id: z.int(), euros: z.number(), status: z.enum(['OPEN', 'PAID', 'LATE']) });

const PAID = "SELECT id, total AS euros, status FROM orders WHERE status = 'PAID' AND total > 0 PARTITION BY id";
const LATE =
  "CREATE STREAM sales AS SELECT id, 0 AS euros, 'LATE' AS status FROM orders WHERE total IS NULL PARTITION BY id";

const shop = definePipeline({
  name: 'shop',
  streams: { orders: { schema: Order }, sales: { schema: Sale } },
  transforms: {
    paid: { from: 'orders', apply: sql(PAID), to: 'sales' },
    late: { from: 'orders', apply: sql(LATE), to: 'sales' },
  },
  sinks: { sales_table: { from: 'sales', write: postgresSink({ table: 'sales', key: ['id'], create: true }) } },
});

const order = (id: number, status: 'OPEN' | 'PAID', total: number | null) => ({
  id,
  status,
  total,
  placed: '2026-01-01T00:00:00Z',
});

test('two steps of inline SQL run in a pipeline, into one stream and a table', async () => {
  const run = await startPipelineRun(shop);
  await run.given('orders', [
    order(1, 'PAID', 12.5),
    order(2, 'OPEN', 3),
    order(3, 'OPEN', null),
    event({ data: { ...order(4, 'PAID', 1), total: 'much' } }),
    order(5, 'PAID', 7),
  ]);
  await run.settled();
  expect(inAnyOrder(run.table('sales'))).toEqual([
    { id: 3, euros: 0, status: 'LATE' },
    { id: 1, euros: 12.5, status: 'PAID' },
    { id: 5, euros: 7, status: 'PAID' },
  ]);
  expect(run.deadLetters('paid')).toMatchObject([
    { reason: 'schema', message: 'column "total" must be numeric, not "much"' },
  ]);
});

describe('a bundle of inline SQL', () => {
  let folder: string;
  beforeAll(async () => {
    const parent = join(REPOSITORY, '.millrace');
    await mkdir(parent, { recursive: true });
    folder = await mkdtemp(join(parent, 'inline-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const bundled = async (pipeline: Pipeline, name: string) => {
    const step = planOf(pipeline, [pipeline]).steps.find((each) => each.name === name);
    return bundle(step?.entry ?? '', folder);
  };

  test('exports a handler, is the same bytes when built again, and contains no parser', async () => {
    const made = await bundled(shop, 'paid');
    expect(await bundled(shop, 'paid')).toEqual(made);
    expect((await bundled(shop, 'late')).sha256).not.toBe(made.sha256);
    const path = join(made.path, BUNDLE_FILE);
    expect((await import(pathToFileURL(path).href)) as object).toMatchObject({ handler: expect.any(Function) });
    const code = await readFile(path, 'utf8');
    expect(code).not.toMatch(/libpg|pg_query|SelectStmt/);
  });
});

function withSql(text: string, to: z.ZodType = Sale): Pipeline {
  return definePipeline({
    name: 'shop',
    streams: { orders: { schema: Order }, sales: { schema: to } },
    transforms: { selling: { from: 'orders', apply: sql(text), to: 'sales' } },
  });
}

const REFUSED: readonly (readonly [what: string, text: string, to: z.ZodType, message: string])[] = [
  [
    'a column that is misspelt',
    'SELECT id, totl AS euros, status\nFROM orders',
    Sale,
    'shop/selling:1:12: there is no column "totl"\n1 | SELECT id, totl AS euros, status\n               ^\n  hint: did you mean "total"?',
  ],
  ['FROM another stream', 'SELECT id FROM order', Sale, 'shop/selling:1:16: syntax error at or near "order"'],
  ['FROM another stream', 'SELECT id FROM "order"', Sale, 'FROM names "order", but the step reads "orders"'],
  [
    'CREATE STREAM another stream',
    'CREATE STREAM sold AS SELECT id FROM orders',
    Sale,
    'shop/selling:1:15: CREATE STREAM names "sold", but the step writes "sales"',
  ],
  [
    'a column that the stream does not have',
    'SELECT id, total AS euro, status FROM orders WHERE total > 0',
    Sale,
    'shop/selling:1:12: stream "sales" has no column "euro"\n1 | SELECT id, total AS euro, status FROM orders WHERE total > 0\n               ^\n  hint: did you mean "euros"?',
  ],
  [
    'a column that is left out',
    'SELECT id, status FROM orders',
    Sale,
    'shop/selling:1:8: stream "sales" declares "euros", which the statement does not select',
  ],
  [
    'a column that may be null',
    'SELECT id, total AS euros, status FROM orders',
    Sale,
    'shop/selling:1:12: column "euros" may be null, but stream "sales" declares that it never is',
  ],
  [
    'a column that may be null where the stream says optional',
    'SELECT id, note FROM orders',
    Order.pick({ id: true, note: true }),
    'column "note" may be null, but stream "sales" declares that it never is',
  ],
  [
    'a column of another type',
    'SELECT id, id::text AS euros, status FROM orders',
    Sale,
    'shop/selling:1:12: column "euros" is text, but stream "sales" declares numeric',
  ],
  [
    'a narrower number',
    'SELECT total AS id FROM orders WHERE total > 0',
    z.object({ id: z.int() }),
    'is numeric, but stream "sales" declares bigint',
  ],
  [
    'text for one of a few',
    'SELECT id, 1 AS euros, lower(status) AS status FROM orders',
    Sale,
    'shop/selling:1:24: column "status" may be any text, which the schema of stream "sales" does not accept',
  ],
  [
    'a text that is none of a few',
    "SELECT id, 1 AS euros, CASE WHEN total > 0 THEN status ELSE 'NONE' END AS status FROM orders",
    Sale,
    'column "status" may be "NONE"',
  ],
  [
    'a time that is written otherwise',
    "SELECT date_trunc('day', placed) AS placed FROM orders",
    z.object({ placed: z.iso.datetime({ precision: 3 }) }),
    'column "placed" is written in the form "2026-01-31T12:30:00Z"',
  ],
  [
    'a stream without columns',
    'SELECT id FROM orders',
    z.json(),
    'shop/selling:1:1: stream "sales" declares no columns',
  ],
  [
    'a stream without a schema',
    'SELECT id FROM orders',
    {} as z.ZodType,
    'shop/selling:1:1: stream "sales" declares no columns',
  ],
  [
    'a join',
    'SELECT o.id FROM orders o JOIN sales s ON s.id = o.id',
    Sale,
    'a join reads two inputs, and this statement has one',
  ],
];

test.each(REFUSED)('cdk synth rejects inline SQL with %s: %s', async (...[, text, to, message]) => {
  const refused = await synthesized({}, [withSql(text, to)]).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(UserMistake);
  expect((refused as UserMistake).message).toContain(message);
});

test('a test of the pipeline rejects it too', async () => {
  await expect(startPipelineRun(withSql('SELECT nothing FROM orders'))).rejects.toThrow(
    'shop/selling:1:8: there is no column "nothing"',
  );
});

test.each([
  ['what is copied as it came', 'SELECT * FROM orders WHERE note IS NOT NULL', Order],
  [
    'wider numbers',
    'SELECT id, 1::int AS n, id::float8 AS x FROM orders',
    z.object({ id: z.number(), n: z.int(), x: z.number() }),
  ],
  ['an optional column that is left out', 'SELECT id FROM orders', Order.pick({ id: true, note: true })],
  [
    'one of a few texts',
    "SELECT CASE WHEN total > 0 THEN 'OPEN' ELSE status END AS status FROM orders",
    z.object({ status: z.enum(['OPEN', 'PAID']) }),
  ],
  ['any JSON', 'SELECT id, status AS x FROM orders', z.object({ id: z.int(), x: z.json() })],
  ['a computed time', "SELECT date_trunc('day', placed) AS placed FROM orders", z.object({ placed: z.iso.datetime() })],
])('%s fits', async (_, text, to) => {
  await expect(startPipelineRun(withSql(text, to))).resolves.toBeDefined();
});
