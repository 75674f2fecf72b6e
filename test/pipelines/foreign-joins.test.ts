import { expect, test } from 'vitest';
import { defineTable } from '../../functions/runtime/table.ts';
import { tableOf } from '../../functions/table-state/join-handler.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { Buyer, foreignJoinOf, Named, Purchase } from './foreign-fixture.ts';

const SELECT = 'CREATE TABLE named AS SELECT o.order_id, c.name, o.sales FROM orders o';
const ON = 'customers c ON c.customer_id = o.customer_id';
const inner = await foreignJoinOf(`${SELECT} JOIN ${ON}`);
const left = await foreignJoinOf(`${SELECT} LEFT JOIN ${ON}`);
const divided = await foreignJoinOf(`${SELECT.replace('o.sales', 'c.spent / o.sales AS sales')} JOIN ${ON}`);

const shopWith = (apply: typeof inner) =>
  definePipeline({
    name: 'shop',
    streams: { orders: { schema: Purchase, shards: 2 }, customers: { schema: Buyer }, changes: { schema: Named } },
    joins: { named: { from: { orders: 'orders', customers: 'customers' }, apply, to: 'changes' } },
  });

const order = (order_id: string, customer_id: string | null, { sales = 1, type = 'order.placed' } = {}) =>
  event({ type, key: order_id, data: { order_id, customer_id, sales } });
const customer = (customer_id: string, name: string, type = 'customer.changed') =>
  event({ type, key: customer_id, data: { customer_id, name, spent: 1 } });

test('each order has the name of its customer, and follows both', async () => {
  const run = await givenPipeline(shopWith(inner));
  await run.given('customers', [customer('ann', 'Ann')]);
  await run.given('orders', [order('o1', 'ann'), order('o2', 'ann'), order('o3', 'bob'), order('o4', null)]);
  await run.settled();
  expect(inAnyOrder(run.table('named'))).toEqual([
    { order_id: 'o1', name: 'Ann', sales: 1 },
    { order_id: 'o2', name: 'Ann', sales: 1 },
  ]);
  await run.given('customers', [customer('ann', 'Anna'), customer('bob', 'Bob')]);
  await run.given('orders', [order('o2', 'bob', { sales: 2 })]);
  await run.settled();
  expect(inAnyOrder(run.table('named'))).toEqual([
    { order_id: 'o1', name: 'Anna', sales: 1 },
    { order_id: 'o2', name: 'Bob', sales: 2 },
    { order_id: 'o3', name: 'Bob', sales: 1 },
  ]);
  await run.given('customers', [customer('ann', '', 'customer.deleted')]);
  await run.given('orders', [order('o3', null, { type: 'order.deleted' })]);
  await run.settled();
  expect(run.table('named')).toEqual([{ order_id: 'o2', name: 'Bob', sales: 2 }]);
  const folded = new Map<string, unknown>();
  for (const { type, key, data } of run.stream('changes').events()) {
    if (type === 'named.deleted') folded.delete(key);
    else folded.set(key, data);
  }
  expect([...folded.values()]).toEqual([{ order_id: 'o2', name: 'Bob', sales: 2 }]);
});

test('a left join has the orders of unknown customers and of none, until the customer is there', async () => {
  const run = await givenPipeline(shopWith(left));
  await run.given('orders', [order('o1', 'ann'), order('o2', null)]);
  await run.settled();
  const alone = [
    { order_id: 'o1', name: null, sales: 1 },
    { order_id: 'o2', name: null, sales: 1 },
  ];
  expect(inAnyOrder(run.table('named'))).toEqual(alone);
  await run.given('customers', [customer('ann', 'Ann')]);
  await run.settled();
  expect(inAnyOrder(run.table('named'))).toEqual([{ ...alone[0], name: 'Ann' }, alone[1]]);
  await run.given('orders', [order('o1', 'bob')]);
  await run.settled();
  expect(inAnyOrder(run.table('named'))).toEqual(alone);
});

test('all orders of a customer are told of it once each, over as many transactions as their pages need', async () => {
  const run = await givenPipeline(shopWith(inner), { recordBytes: 2_000 });
  const orders = Array.from({ length: 30 }, (_, i) => `o${10 + i}`);
  await run.given(
    'orders',
    orders.map((id) => order(id, 'ann')),
  );
  await run.settled();
  const rows = () => run.stream('named-by-row' as never).events().length;
  const before = { rows: rows(), commits: run.commits('named-matches' as never).length };
  await run.given('customers', [customer('ann', 'Ann')]);
  await run.settled();
  expect(inAnyOrder(run.table('named'))).toEqual(orders.map((order_id) => ({ order_id, name: 'Ann', sales: 1 })));
  expect(rows() - before.rows).toBe(orders.length);
  expect(run.commits('named-matches' as never).length - before.commits).toBeGreaterThan(5);
});

test('an order that stays as it was does nothing, and one that is keyed otherwise is a dead letter of its first step', async () => {
  const run = await givenPipeline(shopWith(inner));
  await run.given('customers', [customer('ann', 'Ann')]);
  await run.given('orders', [order('o1', 'ann')]);
  await run.settled();
  const appended = () => run.stream('named-by-row' as never).events().length;
  expect(appended()).toBe(2);
  const otherwise = event({ type: 'order.placed', key: 'ann', data: { order_id: 'o2', customer_id: 'ann', sales: 1 } });
  await run.given('orders', [order('o1', 'ann'), otherwise, order('o9', 'ann', { type: 'order.deleted' })]);
  await run.settled();
  expect(appended()).toBe(2);
  expect(run.deadLetters('named-orders' as never)).toMatchObject([
    {
      reason: 'transform',
      message: expect.stringContaining("the key of the event is 'ann', and the key of its row is 'o2'"),
    },
  ]);
  expect(run.table('named')).toHaveLength(1);
});

test('an order whose joined row cannot be made keeps the row before, until something of it changes', async () => {
  const run = await givenPipeline(shopWith(divided));
  await run.given('customers', [
    event({ type: 'customer.changed', key: 'ann', data: { customer_id: 'ann', name: 'Ann', spent: 8 } }),
  ]);
  await run.given('orders', [order('o1', 'ann', { sales: 2 })]);
  await run.settled();
  expect(run.table('named')).toEqual([{ order_id: 'o1', name: 'Ann', sales: 4 }]);
  await run.given('orders', [order('o1', 'ann', { sales: 0 })]);
  await run.settled();
  expect(run.table('named')).toEqual([{ order_id: 'o1', name: 'Ann', sales: 4 }]);
  expect(run.deadLetters('named' as never)).toMatchObject([{ message: expect.stringContaining('division by zero') }]);
  await run.given('orders', [order('o1', 'ann', { sales: 4 })]);
  await run.settled();
  expect(run.table('named')).toEqual([{ order_id: 'o1', name: 'Ann', sales: 2 }]);
});

test('an answer that is put back does not replace what the row has met since, and one that is still the latest counts', async () => {
  const select = (divisor: string) => `${SELECT.replace('o.sales', `100 / ${divisor} AS sales`)} JOIN ${ON}`;
  const [divides, adds] = [await foreignJoinOf(select('c.spent')), await foreignJoinOf(select('(c.spent + 1)'))];
  const run = await givenPipeline(shopWith(divides));
  const spends = (customer_id: string, spent: number) =>
    event({ type: 'customer.changed', key: customer_id, data: { customer_id, name: customer_id, spent } });
  await run.given('customers', [spends('ann', 1), spends('bob', 1)]);
  await run.given('orders', [order('o1', 'ann'), order('o2', 'bob')]);
  await run.settled();
  await run.given('customers', [spends('ann', 0), spends('bob', 0)]);
  await run.settled();
  await run.given('customers', [spends('ann', 4)]);
  await run.settled();
  expect(run.deadLetters('named' as never)).toHaveLength(2);
  run.when.deployed('named', adds.keep as never);
  expect(await run.when.redriven('named')).toBe(true);
  await run.settled();
  expect(run.deadLetters('named' as never)).toEqual([]);
  expect(inAnyOrder(run.table('named'))).toEqual([
    { order_id: 'o1', name: 'ann', sales: expect.toSatisfy((sales: number) => sales === 20 || sales === 25) },
    { order_id: 'o2', name: 'bob', sales: 100 },
  ]);
});

test('the planner makes two internal streams and five steps of it, and of a renamed join the same ones', () => {
  const plan = planOf(shopWith(inner), [shopWith(inner)]);
  expect(plan.streams.slice(3).map(({ name, shards, compression }) => [name, shards, compression])).toEqual([
    ['named-by-key', 2, 'zstd'],
    ['named-by-row', 2, 'zstd'],
  ]);
  const nameOf = (stream: object): unknown => ('name' in stream ? stream.name : undefined);
  const stepOf = (step: (typeof plan.steps)[number]) => [
    step.kind,
    step.name,
    step.kind === 'source' ? '' : nameOf(step.input.stream),
    'output' in step ? nameOf(step.output) : '',
    step.options,
  ];
  expect(plan.steps.map(stepOf)).toEqual([
    ['transform', 'named-keys', 'named-by-row', 'named-by-key', { rekey: 'keys' }],
    ['transform', 'named-customers', 'customers', 'named-by-key', { rekey: 'customers' }],
    ['table', 'named-orders', 'orders', 'named-by-row', { part: 'rows', changes: { before: false } }],
    ['table', 'named-matches', 'named-by-key', 'named-by-row', { part: 'matches', changes: { before: false } }],
    ['table', 'named', 'named-by-row', 'changes', { changes: { before: false } }],
  ]);
  const renamed = definePipeline({
    name: 'shop',
    streams: { orders: { schema: Purchase }, customers: { schema: Buyer } },
    joins: { buyers: { from: { orders: 'orders', customers: 'customers' }, apply: inner, formerly: 'named' } },
  });
  expect(Object.keys(renamed.streams).slice(2)).toEqual(['named-by-key', 'named-by-row']);
  expect(planOf(renamed, [renamed]).steps.map(({ name, formerly }) => `${name} was ${formerly}`)).toEqual([
    'buyers-keys was named-keys',
    'buyers-customers was named-customers',
    'buyers-orders was named-orders',
    'buyers-matches was named-matches',
    'buyers was named',
  ]);
});

test('a table with windows behind such a join is refused, because the join passes no time on', () => {
  const counted = {
    ...defineTable({ entry: '', from: Named, row: Named, key: ['order_id'], reduce: (_, { data }) => data }),
  };
  const windows = { kind: 'tumbling', graceMillis: 0, retentionMillis: 1, emit: 'changes' } as never;
  const pipeline = definePipeline({
    name: 'shop',
    streams: { orders: { schema: Purchase }, customers: { schema: Buyer }, changes: { schema: Named } },
    joins: { named: { from: { orders: 'orders', customers: 'customers' }, apply: inner, to: 'changes' } },
    tables: { counted: { from: 'changes', keep: { ...counted, windows } } },
  });
  expect(() => planOf(pipeline, [pipeline])).toThrow(
    "table 'shop/counted' has windows, and its events come from the join 'shop/named' by a foreign key, which passes no time on",
  );
});

test('the module of the join runs as each of its tables, by the options of the step', () => {
  const partsOf = planOf(shopWith(inner), []).steps.flatMap((step) => (step.kind === 'table' ? [step] : []));
  expect(partsOf.map(({ name, options }) => [name, tableOf(inner, options).part])).toEqual([
    ['named-orders', 'rows'],
    ['named-matches', 'matches'],
    ['named', undefined],
  ]);
});
