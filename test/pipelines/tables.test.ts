import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event, record } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent, shards: 2 } },
  tables: { basket: { from: 'cart', keep: basket } },
});

const time = '2026-01-01T00:00:00Z';
const cart = (type: 'added' | 'removed', item: string, more: { quantity?: number; customer_id?: string } = {}) => {
  const { quantity = 1, customer_id = 'ann' } = more;
  return event({ type: `item.${type}`, key: customer_id, time, data: { customer_id, item, quantity } });
};

const quantitiesOf = (rows: readonly object[]) =>
  Object.fromEntries((rows as { item: string; quantity: number }[]).map(({ item, quantity }) => [item, quantity]));

test('a table step keeps its rows, counts an event once whatever fails, and shows its position', async () => {
  const run = await givenPipeline(shop);
  run.when.fails('basket postgres.Commit', 'reply lost');
  run.when.fails('basket postgres.Copy', 'killed after');
  await run.given('cart', [
    cart('added', 'tea', { quantity: 2 }),
    cart('added', 'cup'),
    cart('removed', 'cup'),
    record('no json'),
  ]);
  await run.settled();
  await run.given('cart', [cart('added', 'tea'), cart('added', 'tea', { customer_id: 'bob' })]);
  await run.settled();
  const changed = '2026-01-01T00:00:00+00:00';
  expect(inAnyOrder(run.table('basket'))).toEqual([
    { customer_id: 'ann', item: 'tea', quantity: 3, changed },
    { customer_id: 'bob', item: 'tea', quantity: 1, changed },
  ]);
  expect(run.deadLetters('basket')).toMatchObject([{ reason: 'undecodable' }]);
  expect(run.positions('basket').map(({ recordsBehind }) => recordsBehind)).toEqual([0, 0]);
  const letters = (await run.status('basket')).map(({ deadLetters }) => deadLetters);
  expect(letters.toSorted()).toEqual([0, 1]);
});

test('a dead letter of a table is redriven, and counts once when two operators redrive it', async () => {
  const run = await givenPipeline(shop);
  let isStrict = true;
  run.when.refused('basket', ({ quantity }) => (isStrict && Number(quantity) > 5 ? 'few' : undefined));
  await run.given('cart', [
    cart('added', 'tea', { quantity: 2 }),
    cart('added', 'tea', { quantity: 7 }),
    cart('added', 'tea'),
  ]);
  await run.settled();
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 3 });
  expect(run.deadLetters('basket')).toMatchObject([
    {
      reason: 'refused',
      message: 'new row for relation "shop.basket" violates check constraint "few" (SQLSTATE 23514)',
    },
  ]);
  isStrict = false;
  run.when.fails('operator kinesis.PutRecords', 'reply lost');
  await run.when.redriven('basket', { operators: 2 });
  await run.when.redriven('basket');
  await run.settled();
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 10 });
  expect(run.deadLetters('basket')).toEqual([]);
});

test('a table is moved to earliest only, and never replayed: the refusal says so', async () => {
  const run = await givenPipeline(shop);
  await expect(run.when.rewound('basket', { millis: 0 })).rejects.toThrow(
    'shop/basket is a table, made of all events of its stream so far: it can be moved to earliest only',
  );
  await expect(run.when.replayed('basket', { from: 'earliest', toMillis: 0, into: 'other' })).rejects.toThrow(
    'only sinks can be replayed',
  );
});

test('a pause, an event that kills the process and a new version of the code lose and double nothing', async () => {
  const run = await givenPipeline(shop);
  run.when.deadly('basket', ({ data }) => ((data as { item: string }).item === 'bomb' ? 'out of memory' : undefined));
  await run.given('cart', [cart('added', 'tea'), cart('added', 'bomb'), cart('added', 'cup')]);
  await run.settled();
  await run.when.paused('basket');
  run.when.deployed('basket');
  await run.given('cart', [cart('added', 'tea')]);
  await run.when.pass(minutes(1));
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 1, cup: 1 });
  await run.when.resumed('basket');
  await run.settled();
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 2, cup: 1 });
  expect(run.deadLetters('basket')).toMatchObject([{ reason: 'killed' }]);
});

test('a database that is away for an hour loses and doubles nothing: the table goes on where it stood', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [cart('added', 'tea', { quantity: 2 })]);
  await run.settled();
  await run.given('cart', [cart('added', 'tea'), cart('added', 'cup'), record('no json')]);
  await run.when.down('basket postgres', hours(1));
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 2 });
  await run.given('cart', [cart('removed', 'cup'), cart('added', 'pot')]);
  await run.settled();
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 3, pot: 1 });
  expect(run.deadLetters('basket')).toMatchObject([{ reason: 'undecodable' }]);
});

test('a table whose database was restored reads the events again that it lost, and counts each once', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [cart('added', 'tea', { quantity: 2 })]);
  await run.settled();
  const restore = run.when.backedUp('basket');
  await run.given('cart', [cart('added', 'tea'), cart('added', 'cup')]);
  await run.settled();
  restore();
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 2 });
  run.when.killed('basket');
  await run.given('cart', [cart('added', 'pot')]);
  await run.settled();
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 3, cup: 1, pot: 1 });
});

test('a table reads again what came since a backup of any age that its stream keeps, also behind an idle time', async () => {
  const kept = definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent, retentionDays: 7 } },
    tables: { basket: { from: 'cart', keep: basket } },
  });
  const run = await givenPipeline(kept, { pollMillis: 60_000 });
  await run.given('cart', [cart('added', 'tea', { quantity: 2 })]);
  await run.settled();
  const restore = run.when.backedUp('basket');
  await run.when.pass(hours(30));
  await run.given('cart', [cart('added', 'tea'), cart('added', 'cup')]);
  await run.settled();
  await run.when.pass(hours(40));
  restore();
  run.when.killed('basket');
  await run.given('cart', [cart('added', 'pot')]);
  await run.settled();
  expect(quantitiesOf(run.table('basket'))).toEqual({ tea: 3, cup: 1, pot: 1 });
});

test('a transform before a table may repeat its outputs: the table counts each once', async () => {
  const passed = defineTransform({
    entry: import.meta.url,
    from: CartEvent,
    to: CartEvent,
    apply: (given) => [given, { type: 'item.added', data: { ...given.data, item: 'gift', quantity: 1 } }],
  });
  const Count = z.object({ item: z.string(), times: z.int() });
  const times = defineTable({
    entry: import.meta.url,
    from: CartEvent,
    row: Count,
    key: ['item'],
    reduce: (row, { data: { item } }) => ({ item, times: (row?.times ?? 0) + 1 }),
  });
  const gifts = definePipeline({
    name: 'gifts',
    streams: { cart: { schema: CartEvent }, all: { schema: CartEvent } },
    transforms: { passing: { from: 'cart', apply: passed, to: 'all' } },
    tables: { times: { from: 'all', keep: times } },
  });
  const run = await givenPipeline(gifts);
  run.when.fails('passing kinesis.PutRecords', 'killed after');
  await run.given('cart', [cart('added', 'tea'), cart('added', 'tea'), cart('removed', 'tea')]);
  await run.settled();
  expect(run.stream('all').repeats()).toBeGreaterThan(0);
  expect(inAnyOrder(run.table('times'))).toEqual([
    { item: 'gift', times: 3 },
    { item: 'tea', times: 3 },
  ]);
});
