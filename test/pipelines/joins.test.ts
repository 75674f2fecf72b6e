import { expect, test } from 'vitest';
import type { Table } from '../../functions/runtime/table.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { Customer, Enriched, joinOf, Order } from './join-fixture.ts';

const FROM = 'FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id';
const leftJoin = await joinOf(`SELECT o.order_id, c.segment, o.sales ${FROM} WHERE o.sales > 0`);
const innerJoin = await joinOf(`SELECT o.order_id, c.segment, 100 / o.order_id AS sales ${FROM.replace('LEFT ', '')}`);

const shopWith = (apply: typeof leftJoin) =>
  definePipeline({
    name: 'shop',
    streams: {
      orders: { schema: Order, shards: 2, retentionDays: 3 },
      customers: { schema: Customer, retentionDays: 7 },
      enriched: { schema: Enriched },
    },
    joins: { enriched: { from: { orders: 'orders', customers: 'customers' }, apply, to: 'enriched' } },
  });
const shop = shopWith(leftJoin);

const order = (order_id: number, customer_id: string | null, sales = 10) =>
  event({ type: 'order.placed', key: `o${order_id}`, data: { order_id, customer_id, sales } });
const customer = (customer_id: string, segment: string, type = 'customer.changed') =>
  event({ type, key: customer_id, data: { customer_id, segment, city: 'Bern' } });

test('an order meets the row of its customer as it stands, and none where there is no row yet', async () => {
  const run = await givenPipeline(shop);
  await run.given('orders', [order(1, 'ann')]);
  await run.settled();
  await run.given('customers', [customer('ann', 'Home'), customer('bob', 'Corporate')]);
  await run.settled();
  await run.given('orders', [order(2, 'ann'), order(3, 'bob'), order(4, null), order(5, 'bob', -1)]);
  await run.settled();
  await run.given('customers', [customer('ann', 'Consumer'), customer('bob', 'Corporate', 'customer.deleted')]);
  await run.settled();
  await run.given('orders', [order(6, 'ann'), order(7, 'bob')]);
  await run.settled();
  const joined = run.stream('enriched').events();
  const segments = joined.map(({ data }) => [
    (data as { order_id: number }).order_id,
    (data as { segment: unknown }).segment,
  ]);
  expect(segments.sort()).toEqual([
    [1, null],
    [2, 'Home'],
    [3, 'Corporate'],
    [4, null],
    [6, 'Consumer'],
    [7, null],
  ]);
  expect(joined.find(({ key }) => key === 'ann')).toMatchObject({ type: 'order.placed', key: 'ann' });
  expect(joined.map(({ key }) => key).sort()).toEqual(['ann', 'ann', 'ann', 'bob', 'bob', 'o4']);
});

test('an inner join has only orders that meet a row, and an order on which an expression fails is a dead letter', async () => {
  const run = await givenPipeline(shopWith(innerJoin));
  await run.given('customers', [customer('ann', 'Home')]);
  await run.settled();
  await run.given('orders', [order(2, 'ann'), order(0, 'ann'), order(3, 'bob'), order(4, null), order(5, 'ann')]);
  await run.settled();
  expect(
    run
      .stream('enriched')
      .events()
      .map(({ data }) => data),
  ).toEqual([
    { order_id: 2, segment: 'Home', sales: 50 },
    { order_id: 5, segment: 'Home', sales: 20 },
  ]);
  expect(run.deadLetters('enriched')).toMatchObject([
    { reason: 'transform', message: 'division by zero (SQLSTATE 22012), at enriched.sql:1:31' },
  ]);
});

test('AS OF, an order meets the row of its customer as it was at the time of the order, in whatever order they come', async () => {
  const from = 'FROM orders o LEFT JOIN customers c AS OF o.time RETENTION 3 DAYS ON c.customer_id = o.customer_id';
  const run = await givenPipeline(shopWith(await joinOf(`SELECT o.order_id, c.segment, o.sales ${from}`)));
  const time = (day: number) => `2026-01-0${day}T12:00:00Z`;
  const placed = (day: number, order_id: number) =>
    event({
      type: 'order.placed',
      key: `o${order_id}`,
      time: time(day),
      data: { order_id, customer_id: 'ann', sales: 10 },
    });
  const changed = (day: number, segment: string, type = 'customer.changed') =>
    event({ type, key: 'ann', time: time(day), data: { customer_id: 'ann', segment, city: 'Bern' } });
  await run.given('customers', [changed(5, 'Home'), changed(3, 'Consumer')]);
  await run.settled();
  await run.given('orders', [placed(2, 1), placed(3, 2), placed(4, 3), placed(6, 4)]);
  await run.settled();
  await run.given('customers', [changed(4, 'Corporate', 'customer.deleted')]);
  await run.settled();
  await run.given('orders', [placed(4, 5), placed(5, 6)]);
  await run.settled();
  expect(run.table('enriched')).toMatchObject([{ customer_id: 'ann', row: { segment: 'Home' } }]);
  // What was current before the fifth day is dropped now.
  await run.given('customers', [changed(8, 'Student')]);
  await run.settled();
  await run.given('orders', [placed(4, 7), placed(5, 8), placed(9, 9)]);
  await run.settled();
  const met = run.stream('enriched').data() as readonly {
    readonly order_id: number;
    readonly segment: string | null;
  }[];
  expect(met.map(({ order_id, segment }) => [order_id, segment]).sort()).toEqual([
    [1, null],
    [2, 'Consumer'],
    [3, 'Consumer'],
    [4, 'Home'],
    [5, null],
    [6, 'Home'],
    [8, 'Home'],
    [9, 'Student'],
  ]);
  expect(run.deadLetters('enriched')).toMatchObject([
    { reason: 'late', message: expect.stringContaining('kept from 2026-01-05T12:00:00Z on') },
  ]);
});

test('AS OF may be added to a join: its rows are made again, what has come out stays, and a redriven order comes out once', async () => {
  const from = (asOf: string) => `FROM orders o LEFT JOIN customers c ${asOf} ON c.customer_id = o.customer_id`;
  const plain = await joinOf(`SELECT o.order_id, c.segment, o.sales / (o.order_id - 2) AS sales ${from('')}`);
  const asOf = await joinOf(`SELECT o.order_id, c.segment, o.sales ${from('AS OF o.time RETENTION 3 DAYS')}`);
  const run = await givenPipeline(shopWith(plain));
  const time = (day: number) => `2026-01-0${day}T12:00:00Z`;
  const placed = (day: number, order_id: number) =>
    event({
      type: 'order.placed',
      key: `o${order_id}`,
      time: time(day),
      data: { order_id, customer_id: 'ann', sales: 1 },
    });
  const changed = (day: number, segment: string) =>
    event({
      type: 'customer.changed',
      key: 'ann',
      time: time(day),
      data: { customer_id: 'ann', segment, city: 'Bern' },
    });
  await run.given('customers', [changed(3, 'Consumer'), changed(5, 'Home')]);
  await run.settled();
  await run.given('orders', [placed(4, 1), placed(4, 2)]);
  await run.settled();
  expect(run.deadLetters('enriched')).toMatchObject([{ message: expect.stringContaining('division by zero') }]);
  run.when.deployed('enriched', asOf.keep as unknown as Table<never>);
  await run.given('orders', [placed(4, 3)]);
  await run.settled();
  expect(await run.when.redriven('enriched')).toBe(true);
  await run.settled();
  const met = run.stream('enriched').data() as readonly { readonly order_id: number; readonly segment: string }[];
  expect(met.map(({ order_id, segment }) => [order_id, segment])).toEqual([
    [1, 'Home'],
    [3, 'Consumer'],
    [2, 'Consumer'],
  ]);
  expect(run.deadLetters('enriched')).toEqual([]);
});

test('a row that does not fit its schema, or whose key is not what it is joined by, is a dead letter of the re-keying', async () => {
  const run = await givenPipeline(shop);
  await run.given('customers', [
    event({ type: 'customer.changed', key: 'ann', data: { customer_id: 'ann', segment: 7 } }),
    event({ type: 'customer.changed', key: 'x', data: { customer_id: 'bob', segment: 'Home' } }),
    event({ type: 'customer.changed', key: '["cid"]', data: { customer_id: 'cid', segment: 'Home' } }),
  ]);
  await run.settled();
  expect(run.deadLetters('enriched-customers').map(({ message }) => message)).toEqual([
    'column "segment" must be text, not 7',
    "the key of the event is 'x', and what it is joined by is 'bob': an input whose latest event is the row is joined by its key, so key the stream by these columns",
  ]);
  expect(run.table('enriched')).toEqual([{ customer_id: 'cid', row: { customer_id: 'cid', segment: 'Home' } }]);
});

test('a deletion needs no more than the key', async () => {
  const run = await givenPipeline(shop);
  await run.given('customers', [
    customer('ann', 'Home'),
    event({ type: 'customers.deleted', key: 'ann', data: { customer_id: 'ann' } }),
  ]);
  await run.settled();
  await run.given('orders', [order(1, 'ann')]);
  await run.settled();
  expect(run.stream('enriched').data()).toEqual([{ order_id: 1, segment: null, sales: 10 }]);
  expect(run.deadLetters('enriched-customers')).toEqual([]);
});

test('rows that are kept by other columns have another key, so that a changed ON is noticed', async () => {
  const keysOf = async (on: string): Promise<readonly string[]> => {
    const join = await joinOf(`SELECT o.order_id, c.segment, o.sales FROM orders o JOIN customers c ON ${on}`);
    return join.keep.key;
  };
  expect(await keysOf('c.customer_id = o.customer_id')).toEqual(['customer_id']);
  expect(await keysOf('o.customer_id = c.segment')).toEqual(['segment']);
  const [lower, upper] = [
    await keysOf('lower(c.segment) = o.customer_id'),
    await keysOf('upper(c.segment) = o.customer_id'),
  ];
  expect(lower).not.toEqual(upper);
  expect(await keysOf('  lower(c.segment)  =  o.customer_id')).toEqual(lower);
});

test('the planner re-keys both sides into an internal stream, which is as wide as the wider input and keeps events as long as the longer one', () => {
  const plan = planOf(shop, [shop]);
  expect(
    plan.streams.map(({ name, shards, retentionHours, compression }) => [name, shards, retentionHours, compression]),
  ).toEqual([
    ['orders', 2, 72, undefined],
    ['customers', 1, 168, undefined],
    ['enriched', 1, 24, undefined],
    ['enriched-by-key', 2, 168, 'zstd'],
  ]);
  expect(plan.steps.map(({ kind, name, options }) => [kind, name, options])).toEqual([
    ['transform', 'enriched-orders', { rekey: 'orders' }],
    ['transform', 'enriched-customers', { rekey: 'customers' }],
    ['table', 'enriched', { changes: { before: false } }],
  ]);
});

test('a renamed join keeps the positions of its three steps, its rows and its stream, renamed twice too', () => {
  const renamed = (names: { readonly formerly?: string; readonly streamOf?: string }) => {
    const { streams, steps } = planOf(
      definePipeline({
        name: 'shop',
        streams: { orders: { schema: Order }, customers: { schema: Customer }, enriched: { schema: Enriched } },
        joins: {
          joined: { from: { orders: 'orders', customers: 'customers' }, apply: leftJoin, to: 'enriched', ...names },
        },
      }),
      [],
    );
    return [streams.at(-1)?.name, ...steps.map(({ name, formerly }) => `${name} was ${formerly}`)];
  };
  const steps = ['joined-orders was enriched-orders', 'joined-customers was enriched-customers', 'joined was enriched'];
  expect(renamed({ formerly: 'enriched' })).toEqual(['enriched-by-key', ...steps]);
  expect(renamed({ formerly: 'enriched', streamOf: 'first' })).toEqual(['first-by-key', ...steps]);
  expect(renamed({ streamOf: 'first' })[0]).toBe('first-by-key');
  expect(renamed({})[0]).toBe('joined-by-key');
});

test('names that a join needs and that are taken are refused', () => {
  expect(() =>
    definePipeline({
      name: 'shop',
      streams: { ...shop.streams },
      joins: { enriched: { from: { orders: 'orders', customers: 'customers' }, apply: leftJoin, to: 'enriched' } },
    }),
  ).toThrow("join 'enriched': its stream has the name 'enriched-by-key', which exists already: rename one");
  expect(() =>
    definePipeline({
      name: 'shop',
      streams: { orders: { schema: Order }, customers: { schema: Customer }, enriched: { schema: Enriched } },
      joins: {
        // @ts-expect-error: the stream does not have what the join reads
        enriched: { from: { orders: 'customers', customers: 'customers' }, apply: leftJoin, to: 'enriched' },
        // @ts-expect-error: an input is missing
        second: { from: { orders: 'orders' }, apply: leftJoin, to: 'enriched' },
      },
    }),
  ).toThrow(
    "join 'second': its code reads 'customers', and from does not name it: write from: { customers: '<stream>' }",
  );
});
