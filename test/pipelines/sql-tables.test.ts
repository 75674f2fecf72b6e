import { expect, test } from 'vitest';
import type { z } from 'zod';
import { CartEvent } from '../../functions/tables/basket.ts';
import { cartContents } from '../../functions/tables/cart-contents.sql.ts';
import { latestReadings } from '../../functions/tables/latest-readings.sql.ts';
import { salesByRegion } from '../../functions/tables/sales-by-region.sql.ts';
import { cleanReadings } from '../../functions/transforms/clean-readings.sql.ts';
import { completedSales } from '../../functions/transforms/completed-sales.sql.ts';
import { Order } from '../../functions/transforms/order-events.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const shop = definePipeline({
  name: 'shop',
  streams: {
    orders: { schema: Order, shards: 2 },
    sales: { schema: completedSales.to, shards: 2 },
    cart: { schema: CartEvent, shards: 2 },
    clean: { schema: cleanReadings.to },
  },
  transforms: { selling: { from: 'orders', apply: completedSales, to: 'sales' } },
  tables: {
    sales_by_region: { from: 'sales', keep: salesByRegion },
    cart_contents: { from: 'cart', keep: cartContents },
    latest_readings: { from: 'clean', keep: latestReadings },
  },
});

const order = (row_id: number, [region, sales]: [string, number], more: object = {}) =>
  event({
    key: `order-${row_id % 3}`,
    data: {
      ...{ row_id, order_id: 'o', status: 'COMPLETE', ordered: '2026-01-01', shipped: '2026-01-02', customer_id: 'c' },
      ...{ segment: 's', region, state: 's', category: 'Paper', product: 'p', quantity: 1, sales, discount: 0 },
      ...{ profit: sales / 4, ...more },
    },
  });

const cart = (type: string, quantity: unknown, more: object = {}) =>
  event({
    type,
    key: 'ann',
    time: '2026-01-01T10:00:00Z',
    data: { customer_id: 'ann', item: 'tea', quantity, ...more },
  });

const reading = (date: string, temp_max: number, more: object = {}) =>
  event({
    key: 's1',
    data: { sensor_id: 's1', date, precipitation: 0, temp_max, temp_min: 1, wind: 2.5, weather: 'sun', ...more },
  });

test('a table in SQL adds up what a stream that is keyed for it holds', async () => {
  const run = await givenPipeline(shop);
  await run.given('orders', [
    order(1, ['West', 10.25]),
    order(2, ['East', 4]),
    order(3, ['West', 0.1]),
    order(4, ['West', 0.2], { status: 'PENDING' }),
    order(5, ['West', 7], { category: 'Phones' }),
  ]);
  run.when.fails('sales_by_region postgres.Commit', 'reply lost');
  await run.settled();
  expect(inAnyOrder(run.table('sales_by_region'))).toEqual([
    { region: 'West', category: 'Paper', lines: 2, sales: 10.35, mean_profit: 1.29, largest: 10.25 },
    { region: 'East', category: 'Paper', lines: 1, sales: 4, mean_profit: 1, largest: 4 },
    { region: 'West', category: 'Phones', lines: 1, sales: 7, mean_profit: 1.75, largest: 7 },
  ]);
  expect(run.deadLetters('sales_by_region')).toEqual([]);
});

test('HAVING hides a row and keeps its state: what was taken out counts when more is put in', async () => {
  const run = await givenPipeline(shop);
  const quantities = async (...events: ReturnType<typeof cart>[]): Promise<unknown> => {
    await run.given('cart', events);
    await run.settled();
    return run.table('cart_contents').map(({ quantity }) => quantity);
  };
  expect(await quantities(cart('item.added', 2))).toEqual([2]);
  expect(await quantities(cart('item.removed', 3))).toEqual([]);
  expect(await quantities(cart('item.added', 1))).toEqual([]);
  expect(await quantities(cart('item.added', 1))).toEqual([1]);
});

test('HAVING makes changes: a row that it hides is deleted, and one that it shows again is inserted', async () => {
  const changes = { to: 'changes', before: true } as const;
  const pipeline = definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent }, changes: { schema: cartContents.row } },
    tables: { contents: { from: 'cart', keep: cartContents, changes } },
  });
  const run = await givenPipeline(pipeline);
  for (const [type, quantity] of [
    ['added', 2],
    ['added', 1],
    ['removed', 4],
    ['removed', 1],
    ['added', 7],
  ] as const) {
    await run.given('cart', [cart(`item.${type}`, quantity)]);
    await run.settled();
  }
  const seen = run
    .stream('changes')
    .events()
    .map(({ type, data }) => [type, (data as { quantity: number }).quantity]);
  expect(seen).toEqual([
    ['contents.inserted', 2],
    ['contents.updated', 3],
    ['contents.deleted', 3],
    ['contents.inserted', 5],
  ]);
});

test('an event that cannot be read, or whose aggregate fails, is a dead letter and changes nothing', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [
    cart('item.added', 2),
    cart('item.added', 'many'),
    cart('item.added', 3, { item: null }),
    cart('item.added', 5, { item: 'x'.repeat(3000) }),
    cart('item.added', 1),
  ]);
  await run.settled();
  await run.given('cart', [
    event({ type: 'item.added', key: 'bob', data: { customer_id: 'ann', item: 'tea', quantity: 7 } }),
  ]);
  await run.settled();
  expect(run.table('cart_contents')).toMatchObject([{ item: 'tea', quantity: 3 }]);
  const letters = run.deadLetters('cart_contents').map(({ reason, message }) => `${reason}: ${message}`);
  expect(letters.toSorted()).toEqual([
    expect.stringMatching(
      /^refused: the row .* is written by events with the key 'ann', and this event has the key 'bob'/,
    ),
    expect.stringMatching(/^schema: column "item" is missing or null/),
    expect.stringMatching(/^schema: column "quantity" must be bigint/),
    expect.stringMatching(/^too-large: the values of the table's key have more than 2000 bytes/),
  ]);
});

test('the latest row of each key stays: an older event replaces nothing, and of equal times the last in the log counts', async () => {
  const run = await givenPipeline(shop);
  await run.given('clean', [
    reading('2026-01-02', 5),
    reading('2026-01-01', 9),
    reading('2026-01-02', 6),
    reading('2025-12-31', 7),
  ]);
  await run.settled();
  expect(run.table('latest_readings')).toEqual([
    { sensor_id: 's1', date: '2026-01-02', temp_max: 6, temp_min: 1, wind: 2.5 },
  ]);
});

test('a SQL table that names another stream than its step is refused', () => {
  const streams = { carts: { schema: CartEvent } };
  expect(() =>
    // @ts-expect-error its SQL says FROM cart
    definePipeline({ name: 'shop', streams, tables: { kept: { from: 'carts', keep: cartContents } } }),
  ).toThrow("step 'kept': its SQL says FROM cart, but the step reads stream 'carts': make them equal");
});

test('a SQL table has the schema of its rows, and its type', () => {
  const row: z.output<typeof salesByRegion.row> = {
    ...{ region: 'West', category: 'Paper', lines: 1, sales: 1, mean_profit: 1, largest: 1 },
  };
  expect(salesByRegion.row.parse(row)).toEqual(row);
  // @ts-expect-error a row has no field `state`
  expect(() => row.state.length).toThrow();
});
