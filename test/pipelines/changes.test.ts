import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { BasketRow, basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline, hours, minutes, type Pipeline, type Streams } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { startPipelineRun } from '../kit/pipeline-run.ts';
import { differencesOfChanges } from './changes-compared.ts';

const Change = BasketRow.extend({ before: BasketRow.nullable() });

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent }, basket_changes: { schema: Change } },
  tables: { basket: { from: 'cart', keep: basket, changes: { to: 'basket_changes', before: true } } },
});

const time = '2026-01-01T00:00:00Z';
const cart = (type: 'added' | 'removed', item: string, { quantity = 1, customer_id = 'ann' } = {}) =>
  event({ type: `item.${type}`, key: customer_id, time, data: { customer_id, item, quantity } });

const typesOf = (events: readonly { readonly type: string; readonly key: string }[]): readonly string[] =>
  events.map(({ type, key }) => `${type} ${key}`);

test('the change stream says what was inserted, updated and deleted, with the row as it was', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [cart('added', 'tea', { quantity: 2 }), cart('added', 'cup'), cart('removed', 'cup')]);
  await run.settled();
  await run.given('cart', [cart('added', 'tea')]);
  await run.settled();
  await run.given('cart', [cart('removed', 'tea', { quantity: 3 })]);
  await run.settled();
  const tea = (quantity: number) => ({ customer_id: 'ann', item: 'tea', quantity, changed: time });
  const changes = run.stream('basket_changes').events();
  expect(changes.map(({ type, key, time: at, data }) => ({ type, key, at, data }))).toEqual([
    { type: 'basket.inserted', key: '["ann","tea"]', at: time, data: { ...tea(2), before: null } },
    { type: 'basket.updated', key: '["ann","tea"]', at: time, data: { ...tea(3), before: tea(2) } },
    { type: 'basket.deleted', key: '["ann","tea"]', at: time, data: { ...tea(3), before: tea(3) } },
  ]);
  expect(run.table('basket')).toEqual([]);
});

test('without a change stream, a table step keeps no page and appends nothing', async () => {
  const plain = definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent } },
    tables: { basket: { from: 'cart', keep: basket } },
  });
  const run = await givenPipeline(plain);
  await run.given('cart', [cart('added', 'tea')]);
  await run.settled();
  expect([...run.calls().keys()].filter((call) => /PutRecords|outbox/.test(call))).toEqual([]);
});

test.each(['killed after', 'reply lost', 'killed before'] as const)(
  'a process that dies or fails around its commit (%s) leaves the changes to the next one, which sends each once',
  async (kind) => {
    const run = await givenPipeline(shop);
    run.when.fails('basket postgres.Commit', kind);
    run.when.fails('basket kinesis.PutRecords', kind, { times: 2 });
    await run.given('cart', [cart('added', 'tea'), cart('added', 'cup')]);
    await run.settled();
    await run.given('cart', [cart('removed', 'cup')]);
    await run.settled();
    expect(differencesOfChanges(run, 'basket', 'basket_changes')).toEqual([]);
    expect(typesOf(run.stream('basket_changes').events())).toEqual([
      'basket.inserted ["ann","tea"]',
      'basket.inserted ["ann","cup"]',
      'basket.deleted ["ann","cup"]',
    ]);
  },
);

test('code that is deployed between commit and append sends the changes under the same names', async () => {
  const run = await givenPipeline(shop);
  run.when.fails('basket kinesis.PutRecords', 'killed after');
  await run.given('cart', [cart('added', 'tea')]);
  run.when.deployed('basket');
  await run.settled();
  run.when.deployed('basket');
  await run.given('cart', [cart('added', 'tea')]);
  await run.settled();
  const events = run.stream('basket_changes').events();
  expect(typesOf(events)).toEqual(['basket.inserted ["ann","tea"]', 'basket.updated ["ann","tea"]']);
  expect(new Set(events.map(({ source }) => source)).size).toBe(1);
});

test('a database that was restored to an earlier state stops the step, which says that the table has to be made again', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [cart('added', 'tea')]);
  await run.settled();
  const restore = run.when.backedUp('basket');
  await run.given('cart', [cart('added', 'cup')]);
  await run.settled();
  restore();
  run.when.killed('basket');
  await run.given('cart', [cart('added', 'pot')]);
  await run.when.pass(minutes(5));
  expect(run.story().join('\n')).toContain(
    'the database of shop/basket was restored to an earlier state, or has lost its last commits',
  );
  expect(typesOf(run.stream('basket_changes').events())).toEqual([
    'basket.inserted ["ann","tea"]',
    'basket.inserted ["ann","cup"]',
  ]);
});

test('the marks of a shard end in the readers of its changes once a shard after it has begun', async () => {
  const reading: Pipeline<Streams> = definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent }, basket_changes: { schema: Change } },
    tables: { basket: { from: 'cart', keep: basket, changes: { to: 'basket_changes', before: true } } },
    sinks: {
      copy: {
        from: 'basket_changes',
        write: postgresSink({ table: 'copy', key: ['customer_id', 'item'], mode: 'mirror' }),
      },
    },
  });
  const run = await startPipelineRun(reading, { pollMillis: 60_000 });
  await run.given('cart', [cart('added', 'tea')]);
  await run.settled();
  await run.when.resharded('cart', 'split');
  for (const customer_id of ['ann', 'bob', 'cid', 'dan'])
    await run.given('cart', [cart('added', 'cup', { customer_id })]);
  await run.settled();
  const before = run.sources('copy').length;
  await run.when.pass(hours(2));
  for (const customer_id of ['ann', 'bob', 'cid', 'dan'])
    await run.given('cart', [cart('added', 'pot', { customer_id })]);
  await run.settled();
  expect([before, run.sources('copy').length]).toEqual([3, 2]);
});

test('a table of the changes of a table counts each change once', async () => {
  const Changes = z.object({ customer_id: z.string(), item: z.string(), changes: z.int() });
  const counted = defineTable({
    entry: import.meta.url,
    from: Change,
    row: Changes,
    key: ['customer_id', 'item'],
    reduce: (row, { data: { customer_id, item } }) => ({ customer_id, item, changes: (row?.changes ?? 0) + 1 }),
  });
  const chain = definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent }, basket_changes: { schema: Change, shards: 2 } },
    tables: {
      basket: { from: 'cart', keep: basket, changes: { to: 'basket_changes', before: true } },
      counted: { from: 'basket_changes', keep: counted },
    },
  });
  const run = await givenPipeline(chain);
  for (let round = 0; round < 3; round++) {
    run.when.fails('basket kinesis.PutRecords', 'killed after');
    await run.given('cart', [cart('added', 'tea'), cart('added', 'cup')]);
    await run.settled();
  }
  await run.given('cart', [cart('removed', 'cup', { quantity: 3 })]);
  await run.settled();
  expect(run.stream('basket_changes').repeats()).toBeGreaterThan(0);
  expect(inAnyOrder(run.table('counted'))).toEqual([
    { customer_id: 'ann', item: 'tea', changes: 3 },
    { customer_id: 'ann', item: 'cup', changes: 4 },
  ]);
});

test('a change stream that the table reads itself, and a field that its changes need, are mistakes of the pipeline', () => {
  const Row = z.object({ id: z.string(), before: z.string() });
  const kept = defineTable({ entry: import.meta.url, from: Row, row: Row, key: ['id'], reduce: (_, { data }) => data });
  const declare = (changes: 'rows' | { to: 'rows' | 'other'; before: true }) => () =>
    definePipeline({
      name: 'shop',
      streams: { rows: { schema: Row }, other: { schema: z.any() } },
      tables: { kept: { from: 'rows', keep: kept, changes: changes as never } },
    });
  expect(declare('rows')).toThrow(
    "step 'kept': it reads and writes stream 'rows', so it would read its own changes for ever: write to another stream",
  );
  expect(declare({ to: 'other', before: true })).toThrow(
    "step 'kept': its rows have a field 'before', which is where its changes have the row as it was: rename the field",
  );
});
