import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { Paid, Placed, Settled, withinJoinOf } from './join-fixture.ts';

const MINUTE = 60_000;
const at = (minute: number): string => new Date(Date.parse('2026-01-01T00:00:00Z') + minute * MINUTE).toISOString();

/** Polls idle shards less often than Lambda does, so that long times pass faster. */
const SLOW = { pollMillis: 6_000 };

/** A payment is at most 5 minutes before its order, and 10 minutes after it; each may come 2 minutes late. */
const settledBy = (kind: string, { what = 'o.number, p.payment', grace = '2 MINUTES' } = {}) =>
  withinJoinOf(
    `SELECT ${what} FROM orders o ${kind} JOIN payments p WITHIN (5 MINUTES, 10 MINUTES) GRACE PERIOD ${grace} ON p.order_id = o.order_id`,
  );

/** How many final rows of the joined stream are in each quarter of an hour. */
const counts = defineTable({
  entry: import.meta.url,
  from: Settled,
  row: z.object({ number: z.number(), count: z.int32() }),
  key: ['number'],
  window: tumbling({ size: 15 * MINUTE, grace: 0, emit: 'final' }),
  reduce: (row, { data: { number } }) => ({ number: number ?? 0, count: (row?.count ?? 0) + 1 }),
});

const shop = (apply: Awaited<ReturnType<typeof settledBy>>) =>
  definePipeline({
    name: 'shop',
    streams: {
      orders: { schema: Placed, shards: 2 },
      payments: { schema: Paid },
      settled: { schema: Settled },
      counted: { schema: z.unknown() },
    },
    joins: { settled: { from: { orders: 'orders', payments: 'payments' }, apply, to: 'settled' } },
    tables: { counts: { from: 'settled', keep: counts, changes: 'counted' } },
  });

const inner = shop(await settledBy(''));
const left = shop(await settledBy('LEFT'));

const order = (minute: number, order_id: string | null, number: number) =>
  event({ type: 'order.placed', key: `o${number}`, time: at(minute), data: { order_id, number } });
const payment = (minute: number, order_id: string | null, number: number) =>
  event({ type: 'payment.made', key: `p${number}`, time: at(minute), data: { order_id, payment: number } });

test('an order and its payment come out once, whichever comes first, with the time of the later one', async () => {
  const run = await givenPipeline(left, SLOW);
  await run.given('orders', [order(0, 'a', 1)]);
  await run.settled();
  await run.given('payments', [payment(1, 'a', 10), payment(0, 'b', 20), payment(0, 'c', 30)]);
  await run.settled();
  await run.given('orders', [order(1, 'b', 2)]);
  await run.when.pass(minutes(30));
  await run.settled();
  const joined = run.stream('settled').events();
  expect(inAnyOrder(joined.map(({ type, key, time, data }) => [type, key, Date.parse(time), data]))).toEqual(
    inAnyOrder([
      ['order.placed', 'a', Date.parse(at(1)), { number: 1, payment: 10 }],
      ['order.placed', 'b', Date.parse(at(1)), { number: 2, payment: 20 }],
    ]),
  );
});

test('times that are as far apart as WITHIN says meet, and times that are a millisecond farther do not', async () => {
  const run = await givenPipeline(shop(await settledBy('', { grace: '1 HOUR' })));
  const millisecond = 1 / 60_000;
  await run.given('orders', [order(-20, 'a', 1)]);
  await run.settled();
  await run.given('payments', [
    payment(-25 - millisecond, 'a', 1),
    payment(-25, 'a', 2),
    payment(-10, 'a', 3),
    payment(-10 + millisecond, 'a', 4),
  ]);
  await run.settled();
  expect(run.stream('settled').data()).toEqual([2, 3].map((number) => ({ number: 1, payment: number })));
});

test('an order without a payment comes out once, a minute at the latest after its time is over, and never earlier', async () => {
  const run = await givenPipeline(left, SLOW);
  await run.given('orders', [order(0, 'a', 1), order(0, 'b', 2)]);
  await run.when.pass(minutes(9));
  await run.given('payments', [payment(9, 'b', 20)]);
  await run.when.pass(minutes(2.8));
  expect(run.stream('settled').data()).toEqual([{ number: 2, payment: 20 }]);
  await run.when.pass(minutes(1.2));
  await run.settled();
  expect(run.stream('settled').data()).toEqual([
    { number: 2, payment: 20 },
    { number: 1, payment: null },
  ]);
  const [, alone] = run.stream('settled').events();
  expect(alone).toMatchObject({ type: 'order.placed', key: 'a' });
  expect(Date.parse(alone?.time ?? '')).toBe(Date.parse(at(0)));
  expect(run.table('settled').map(({ side }) => side)).toEqual(['payments']);
  await run.when.pass(minutes(20));
  await run.settled();
  expect(run.stream('settled').data()).toHaveLength(2);
  expect(run.table('settled')).toEqual([]);
});

test('a FULL JOIN has what either side lacks, a RIGHT JOIN payments without an order, and rows without a key come out at once', async () => {
  const settled = async (kind: string) => {
    const run = await givenPipeline(shop(await settledBy(kind)), SLOW);
    await run.given('orders', [order(0, 'a', 1), order(0, null, 2)]);
    await run.given('payments', [payment(0, 'b', 10), payment(0, null, 20)]);
    await run.settled();
    const atOnce = run.stream('settled').data().length;
    await run.when.pass(minutes(20));
    await run.settled();
    return { atOnce, rows: inAnyOrder(run.stream('settled').data()) };
  };
  const [orders, payments] = [
    [1, 2].map((number) => ({ number, payment: null })),
    [10, 20].map((number) => ({ number: null, payment: number })),
  ];
  expect(await settled('FULL')).toEqual({ atOnce: 2, rows: inAnyOrder([...orders, ...payments]) });
  expect(await settled('RIGHT')).toEqual({ atOnce: 1, rows: inAnyOrder(payments) });
  expect(await settled('')).toEqual({ atOnce: 0, rows: [] });
});

test('an event that comes later than the grace period is a dead letter of the step that re-keys it, as it came', async () => {
  const run = await givenPipeline(left, SLOW);
  await run.when.pass(minutes(20));
  await run.given('payments', [payment(17, 'a', 1), payment(19, 'a', 2), payment(90, 'a', 3)]);
  await run.settled();
  expect(run.deadLetters('settled-payments').map(({ reason, text }) => [reason, JSON.parse(text ?? '').data])).toEqual([
    ['late', { order_id: 'a', payment: 1 }],
    ['future', { order_id: 'a', payment: 3 }],
  ]);
  expect(run.deadLetters('settled-payments')[0]?.message).toContain('more than the grace period of 120 s later');
});

test('a side that lags for an hour loses no match, and no order comes out alone meanwhile', async () => {
  const run = await givenPipeline(left, SLOW);
  await run.when.paused('settled-payments');
  await run.given('orders', [order(0, 'a', 1), order(0, 'b', 2)]);
  await run.given('payments', [payment(0, 'a', 10)]);
  await run.when.pass(minutes(60));
  expect(run.stream('settled').data()).toEqual([]);
  await run.when.resumed('settled-payments');
  await run.when.pass(minutes(5));
  await run.settled();
  expect(inAnyOrder(run.stream('settled').data())).toEqual(
    inAnyOrder([
      { number: 1, payment: 10 },
      { number: 2, payment: null },
    ]),
  );
  expect(run.deadLetters('settled-payments')).toEqual([]);
});

test('an event on whose joined row an expression fails is a dead letter of the join, and the others go on', async () => {
  const run = await givenPipeline(shop(await settledBy('', { what: '100 / o.number AS number, p.payment' })));
  await run.given('orders', [order(0, 'a', 0), order(0, 'b', 10)]);
  await run.settled();
  await run.given('payments', [payment(0, 'a', 1), payment(0, 'b', 2)]);
  await run.settled();
  expect(run.stream('settled').data()).toEqual([{ number: 10, payment: 2 }]);
  expect(run.deadLetters('settled')).toMatchObject([{ reason: 'transform' }]);
});

test('a table with windows behind an outer join waits for what comes out alone', async () => {
  const run = await givenPipeline(left, SLOW);
  await run.given('orders', [order(0, 'a', 1), order(0, 'b', 2)]);
  await run.given('payments', [payment(0, 'b', 20)]);
  await run.when.pass(minutes(40));
  await run.settled();
  expect(run.deadLetters('counts')).toEqual([]);
  expect(inAnyOrder(run.stream('counted').data())).toMatchObject(
    inAnyOrder([
      { number: 1, count: 1 },
      { number: 2, count: 1 },
    ]),
  );
});

test('the streams before a join within a time get ticks, and its steps wait for those of both sides', () => {
  const plan = planOf(inner, [inner]);
  expect(plan.ticked.map(({ name }) => name)).toEqual(['orders', 'payments']);
  const times = plan.steps.flatMap((step) => ('input' in step ? [[step.name, step.input.time]] : []));
  expect(Object.fromEntries(times)).toMatchObject({
    'settled-orders': { steps: [], scheduled: true },
    'settled-payments': { steps: [], scheduled: true },
    settled: { steps: ['shop/settled-orders', 'shop/settled-payments'], scheduled: false },
  });
});
