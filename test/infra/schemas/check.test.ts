import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { icebergSink } from '../../../functions/sinks/iceberg/iceberg.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { checkPipelines, lockPipelines } from '../../../infra/cli/actions/check-schemas.ts';
import { runCommand } from '../../../infra/cli/run.ts';
import { sql } from '../../../infra/pipelines/inline-sql.ts';
import { definePipeline, minutes, type Pipeline, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { checkSchemas, refuseBrokenReaders } from '../../../infra/schemas/check.ts';
import { forgotten, LOCK_FILE, lockedAnew, readLock, type SchemaLock } from '../../../infra/schemas/lock.ts';
import { versionOf } from '../../../infra/schemas/version.ts';

const Order = z.object({ id: z.string(), total: z.number() });

/** A pipeline whose transform reads by a schema of its own, or by that of the stream. */
function shopWith(schema: z.ZodType, reads: z.ZodType = schema, apply?: object): Pipeline {
  const transform = defineTransform({ entry: import.meta.url, from: reads, to: z.object({}), apply: () => [] });
  return definePipeline({
    name: 'shop',
    streams: { orders: { schema }, done: { schema: z.object({}) } },
    transforms: { billing: { from: 'orders', apply: (apply ?? transform) as never, to: 'done' } },
  });
}

const lockOf = (...pipelines: readonly Pipeline[]): SchemaLock =>
  pipelines.reduce<SchemaLock>((lock, pipeline) => lockedAnew([pipeline], lock), new Map());

/** What a change of the schema means for the steps of the pipeline after it. */
const findings = (before: z.ZodType, after: Pipeline) =>
  checkSchemas([after], lockOf(shopWith(before), after)).filter(({ state }) => state !== 'waits');

describe('a version of a schema', () => {
  test('is another one when a value or a column is another one', () => {
    const others = [
      Order.partial(),
      Order.extend({ total: z.int() }),
      Order.extend({ total: z.number().meta({ sql: 'numeric' }) }),
    ];
    expect(new Set([Order, ...others].map((schema) => versionOf(schema).version)).size).toBe(4);
  });

  test('stays when the order of the fields changes, or what only explains them', () => {
    const same = z.object({ total: z.number().describe('in euros').meta({ title: 'sum' }), id: z.string() });
    expect(versionOf(same)).toEqual(versionOf(Order));
  });
});

describe('the check', () => {
  test('lets a new optional field pass, and a wider type', () => {
    const wider = Order.extend({ total: z.number().nullable(), coupon: z.string().nullish() });
    expect(findings(Order, shopWith(wider))).toEqual([]);
  });

  test('refuses a removed field, with the step that it breaks', () => {
    expect(findings(Order, shopWith(Order.omit({ total: true }), Order))).toMatchObject([
      {
        state: 'breaks',
        stream: 'shop/orders',
        step: 'shop/billing',
        version: versionOf(Order.omit({ total: true })).version,
        field: 'total',
        example: { id: expect.any(String) },
      },
    ]);
  });

  test('refuses a narrower field, with the step that it breaks and an event of the version before', () => {
    expect(findings(Order, shopWith(Order.extend({ total: z.int() })))).toMatchObject([
      { state: 'breaks', step: 'shop/billing', version: versionOf(Order).version, field: 'total' },
    ]);
  });

  test('refuses a new field that every event needs, because the stream has events without it', () => {
    expect(findings(Order, shopWith(Order.extend({ paid: z.boolean() })))).toMatchObject([
      { state: 'breaks', step: 'shop/billing', field: 'paid', message: expect.stringContaining('expected boolean') },
    ]);
  });

  test('asks of compiled SQL only the fields that it reads', () => {
    const statement = { entry: import.meta.url, from: Order, to: z.object({}), reads: ['id'], run: () => [] };
    expect(findings(Order, shopWith(Order.omit({ total: true }), Order, statement))).toEqual([]);
  });

  test('compares a statement in the pipeline with the versions of its stream', () => {
    const narrower = Order.extend({ total: z.int() });
    expect(findings(Order, shopWith(narrower, narrower, sql('SELECT id FROM orders')))).toMatchObject([
      { state: 'breaks', step: 'shop/billing', field: 'total' },
    ]);
  });

  test('finds the readers in other pipelines', () => {
    const shop = shopWith(Order.extend({ total: z.number().nullable() }));
    const books = definePipeline({
      name: 'books',
      streams: { orders: { ...streamOf(shop, 'orders'), schema: Order }, done: { schema: z.object({}) } },
      transforms: {
        booking: {
          from: 'orders',
          apply: defineTransform({ entry: import.meta.url, from: Order, to: z.object({}), apply: () => [] }),
          to: 'done',
        },
      },
    });
    expect(checkSchemas([shop, books], lockedAnew([shop, books], new Map()))).toMatchObject([
      { state: 'breaks', stream: 'shop/orders', step: 'books/booking', field: 'total' },
    ]);
  });

  test('says that readers go first when functions of the version before would refuse an event', () => {
    const states = (...values: readonly string[]) => z.object({ state: z.enum(values as [string]) });
    const [before, after] = [shopWith(states('PAID')), shopWith(states('PAID', 'SENT'))];
    expect(checkSchemas([after], lockOf(before, after))).toMatchObject([{ state: 'waits', stream: 'shop/orders' }]);
  });

  test('does not judge code of a step', () => {
    const even = Order.extend({ total: z.int32().refine((total) => total % 2 === 0) });
    expect(findings(Order.extend({ total: z.int32().min(0) }), shopWith(even))).toMatchObject([
      { state: 'unsure', step: 'shop/billing', field: 'total' },
    ]);
  });
});

describe('the check of a Postgres sink', () => {
  const sinkOf = (schema: z.ZodType, options: object) =>
    definePipeline({
      name: 'shop',
      streams: { orders: { schema } },
      sinks: { table: { from: 'orders', write: postgresSink({ table: 't', ...options }) } } as never,
    });
  const faults = (after: z.ZodType, options: object, before: z.ZodType = Order) => {
    const [one, other] = [sinkOf(before, options), sinkOf(after, options)];
    return checkSchemas([other], lockOf(one, other)).filter(({ state }) => state !== 'waits');
  };
  const made = { create: true };

  test('lets a table grow that may', () => {
    const wider = Order.extend({ note: z.string().optional() });
    expect(faults(wider, { create: true, evolve: true })).toEqual([]);
    expect(faults(Order.partial({ total: true }), { evolve: true })).toEqual([]);
  });

  test('refuses a removed field whose column is not null, and proposes evolve', () => {
    const fix = expect.stringContaining('evolve: true');
    expect(faults(Order.omit({ total: true }), made)).toMatchObject([
      { state: 'breaks', stream: 'shop/orders', step: 'shop/table', field: 'total', fix },
    ]);
    expect(faults(Order.omit({ total: true }), { create: true, evolve: true })).toEqual([]);
  });

  test('refuses a wider type that the column does not hold', () => {
    const [narrow, wide] = [Order.extend({ total: z.int32() }), Order];
    expect(faults(wide, made, narrow)).toMatchObject([{ state: 'breaks', field: 'total' }]);
  });

  test('refuses a field that no column holds in both of its types', () => {
    expect(faults(Order.extend({ total: z.string() }), { create: true, evolve: true })).toMatchObject([
      {
        state: 'breaks',
        field: 'total',
        message: expect.stringContaining('double precision for one version, and text'),
      },
    ]);
  });

  test('refuses a field of the key that an event may lack', () => {
    const later = sinkOf(Order.extend({ code: z.string() }), { evolve: true, key: ['code'] });
    expect(checkSchemas([later], lockOf(sinkOf(Order, {}), later))).toMatchObject([{ state: 'breaks', field: 'code' }]);
  });

  test('is not certain that a table has the column of a new field', () => {
    expect(faults(Order.extend({ note: z.string().optional() }), made)).toMatchObject([
      { state: 'unsure', step: 'shop/table', field: 'note' },
    ]);
  });

  test('says nothing of a table that people make', () => {
    expect(faults(Order.omit({ total: true }), {})).toEqual([]);
  });
});

test('the check refuses a field that no column of a lake of Parquet holds, and NDJSON takes every version', () => {
  const lakeOf = (schema: z.ZodType, format: 'parquet' | 'ndjson') =>
    definePipeline({
      name: 'shop',
      streams: { orders: { schema } },
      sinks: { lake: { from: 'orders', write: s3Sink({ prefix: 'orders', format }), every: minutes(5) } },
    });
  const changed = Order.extend({ total: z.string() });
  const faults = (format: 'parquet' | 'ndjson') => {
    const [before, after] = [lakeOf(Order, format), lakeOf(changed, format)];
    return checkSchemas([after], lockOf(before, after)).filter(({ state }) => state !== 'waits');
  };
  expect(faults('parquet')).toMatchObject([{ state: 'breaks', step: 'shop/lake', field: 'total' }]);
  expect(faults('ndjson')).toEqual([]);
});

test('the check refuses a type that a table of Iceberg cannot grow to', () => {
  const lakeOf = (schema: z.ZodType) =>
    definePipeline({
      name: 'shop',
      streams: { orders: { schema } },
      sinks: { lake: { from: 'orders', write: icebergSink({ table: 'orders' }), every: minutes(5) } },
    });
  const faults = (before: z.ZodType, after: z.ZodType) => {
    const [one, other] = [lakeOf(before), lakeOf(after)];
    return checkSchemas([other], lockOf(one, other)).filter(({ state }) => state !== 'waits');
  };
  const [small, whole] = [Order.extend({ total: z.int32() }), Order.extend({ total: z.int() })];
  expect(faults(small, whole.extend({ note: z.string().optional() }))).toEqual([]);
  expect(faults(whole, Order)).toMatchObject([
    {
      state: 'breaks',
      step: 'shop/lake',
      field: 'total',
      message: expect.stringContaining('cannot make that of BIGINT'),
    },
  ]);
});

describe('the lock', () => {
  test('keeps the versions in the order in which they came, also when a schema goes back to one of them', () => {
    const [first, second] = [shopWith(Order), shopWith(Order.extend({ note: z.string().optional() }))];
    const lock = lockOf(first, second, first);
    expect(lock.get('shop/orders')).toEqual(
      [first, second].map(({ streams }) => versionOf(streams.orders?.schema as never)),
    );
    expect(checkSchemas([first], lock)).toEqual([]);
  });

  test('forgets the versions that a stream no longer holds', () => {
    const after = shopWith(Order.extend({ paid: z.boolean() }));
    const lock = forgotten([after], lockOf(shopWith(Order), after), 'shop/orders');
    expect(lock.get('shop/orders')).toHaveLength(1);
    expect(checkSchemas([after], lock)).toEqual([]);
    expect(() => forgotten([after], lock, 'shop/ordres')).toThrow(
      "no pipeline declares the stream 'shop/ordres'; use one of shop/orders, shop/done",
    );
  });

  test('drops a stream that is gone', () => {
    expect([...lockedAnew([], lockOf(shopWith(Order))).keys()]).toEqual([]);
  });
});

describe('the lock file', () => {
  let root: string;
  let printed: string[];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-schemas-'));
    await mkdir(join(root, dirname(LOCK_FILE)), { recursive: true });
    printed = [];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(root, { recursive: true, force: true });
  });

  test('is asked for when it is missing, and a deployment with it goes through', async () => {
    const pipelines = [shopWith(Order)];
    await expect(refuseBrokenReaders(pipelines, root)).rejects.toThrow(
      `schemas cannot be deployed:\n  stream 'shop/orders': ${LOCK_FILE} lacks it: run millrace schema lock`,
    );
    expect(await checkPipelines(pipelines, { asJson: false, root })).toBe(1);
    await lockPipelines(pipelines, { root });
    expect(printed.at(-1)).toContain(`added    shop/orders  ${versionOf(Order).version}`);
    await refuseBrokenReaders(pipelines, root);
    expect(await checkPipelines(pipelines, { asJson: false, root })).toBe(0);
    expect(printed.at(-1)).toBe('checked: 2 versions of 2 streams; no step refuses an event of them');
    await lockPipelines(pipelines, { root });
    expect(printed.at(-1)).toBe('nothing changed');
  });

  test('that is stale stops a deployment', async () => {
    await lockPipelines([shopWith(Order)], { root });
    const changed = [shopWith(Order.extend({ note: z.string().optional() }))];
    await expect(refuseBrokenReaders(changed, root)).rejects.toThrow(
      "stream 'shop/orders': its schema has changed, and infra/pipelines/schemas.lock.json does not have it",
    );
  });

  test('lets no step be deployed that refuses events of a version, and says what to do', async () => {
    await lockPipelines([shopWith(Order)], { root });
    const narrower = [shopWith(Order.extend({ total: z.int() }))];
    await lockPipelines(narrower, { root });
    const error = await refuseBrokenReaders(narrower, root).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserMistake);
    expect((error as UserMistake).message).toMatch(
      /step 'shop\/billing', stream 'shop\/orders', version [0-9a-f]{12}, field 'total': the step refuses events of this version: .*, such as {"id":".*","total":-?0.5}: let its schema take them/,
    );
    expect(await checkPipelines(narrower, { asJson: true, root })).toBe(1);
    expect(JSON.parse(printed.at(-1) as string)).toMatchObject({ state: 'breaks', field: 'total' });
    await lockPipelines(narrower, { forget: 'shop/orders', root });
    expect(printed.at(-1)).toContain(`dropped  shop/orders  ${versionOf(Order).version}`);
    await refuseBrokenReaders(narrower, root);
  });

  test('that was changed by hand, or is no JSON, is not read', async () => {
    await lockPipelines([shopWith(Order)], { root });
    const path = join(root, LOCK_FILE);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"number"', '"string"'));
    await expect(readLock(root)).rejects.toThrow(
      `version ${versionOf(Order).version} of shop/orders was changed by hand`,
    );
    await writeFile(path, text.slice(1));
    await expect(readLock(root)).rejects.toThrow(`${LOCK_FILE} is not JSON`);
    await writeFile(path, '{"shop/orders": []}');
    await expect(readLock(root)).rejects.toThrow(`${LOCK_FILE} cannot be read: shop/orders`);
  });

  test('of this repository has every schema: after a change, run `npx millrace schema lock` and commit the file', async () => {
    expect(await runCommand(['schema', 'check'], new AbortController().signal), printed.join('\n')).toBe(0);
  });

  test.each([
    ['schema', 'chek'],
    ['schema', 'check', 'orders'],
    ['schema', 'check', '--forget', 'shop/orders'],
    ['schema'],
  ])('millrace %s %s %s %s is a mistake', async (...given) => {
    const mistakes = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(
      await runCommand(
        given.filter((part) => part !== undefined),
        new AbortController().signal,
      ),
    ).toBe(2);
    expect(mistakes.mock.calls.join()).toMatch(
      /use millrace schema check, lock or from-table|unexpected|is for millrace schema lock/,
    );
  });
});
