import { expect, test } from 'vitest';
import { z } from 'zod';
import { covers } from '../../functions/runtime/log/shards.ts';
import { hashOf } from '../../functions/runtime/record-codec/hash.ts';
import { defineTable } from '../../functions/runtime/table.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { basket, CartEvent } from '../../functions/tables/basket.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';

/** A table with windows, so that its streams get ticks. */
const timed = defineTable({
  entry: import.meta.url,
  from: CartEvent,
  row: z.object({ customer_id: z.string(), items: z.int32() }),
  key: ['customer_id'],
  window: tumbling({ size: 3_600_000 }),
  reduce: (row, { data: { customer_id } }) => ({ customer_id, items: (row?.items ?? 0) + 1 }),
});

const copy = defineTransform({
  entry: import.meta.url,
  from: CartEvent,
  to: CartEvent,
  apply: ({ type, data }) => [{ type, data }],
});

const shop = definePipeline({
  name: 'shop',
  streams: {
    cart: { schema: CartEvent, shards: 2 },
    clean: { schema: CartEvent, shards: 2 },
    other: { schema: z.unknown() },
  },
  transforms: {
    cleaning: { from: 'cart', apply: copy, to: 'clean' },
    aside: { from: 'clean', apply: copy, to: 'other' },
  },
  tables: { basket: { from: 'clean', keep: timed } },
  sinks: {
    lake: { from: 'clean', write: s3Sink({ prefix: 'clean' }), every: minutes(5) },
    rows: { from: 'clean', write: postgresSink({ table: 'rows' }) },
  },
});

const added = (customer_id: string) =>
  event({ type: 'item.added', key: customer_id, data: { customer_id, item: 'tea', quantity: 1 } });

test('only the streams on the way from a source to a table with windows get ticks, and the steps on it wait for them', () => {
  const { ticked, steps } = planOf(shop, [shop]);
  expect(ticked.map(({ name }) => name)).toEqual(['cart']);
  const times = steps.map((step) => [step.name, step.kind === 'source' ? undefined : step.input.time]);
  expect(Object.fromEntries(times)).toEqual({
    cleaning: { steps: [], scheduled: true },
    aside: undefined,
    basket: { steps: ['shop/cleaning'], scheduled: false },
    lake: undefined,
    rows: undefined,
  });
});

test('a transform passes each tick on, behind its output, for the range of the shard that it read', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [added('ann'), added('bob')]);
  await run.when.pass(minutes(3));
  await run.settled();
  const scheduled = run.stream('cart').ticks();
  // Two shards, and now and then a run of the schedule comes twice.
  expect(new Set(scheduled.map(({ millis }) => millis)).size).toBe(3);
  expect(scheduled.every(({ from }) => from === undefined)).toBe(true);
  const passed = run.stream('clean').ticks();
  const ranges = (millis: number) =>
    new Set(
      passed.filter((tick) => tick.millis === millis).map(({ from, aim }) => `${from?.step} ${from?.from} ${aim.from}`),
    );
  for (const { millis } of scheduled)
    expect(ranges(millis)).toEqual(
      new Set([0n, 1n << 127n].flatMap((from) => [0n, 1n << 127n].map((aim) => `shop/cleaning ${from} ${aim}`))),
    );
});

test('a tick that is passed on stands behind the output of every event that came before it', async () => {
  const run = await givenPipeline(shop);
  for (const name of ['ann', 'bob', 'cid', 'dan', 'eve']) {
    // The transform gets events and ticks in one batch.
    await run.when.paused('cleaning');
    await run.given('cart', [added(name), added(`${name} 2`)]);
    await run.when.pass(minutes(2));
    await run.given('cart', [added(`${name} 3`)]);
    await run.when.resumed('cleaning');
    await run.when.pass(minutes(1));
  }
  await run.settled();
  const passed = run.stream('clean').log();
  for (const [place, { shard, tick }] of passed.entries()) {
    if (tick?.from === undefined) continue;
    const { from } = tick;
    const before = passed.slice(0, place).filter((item) => item.shard.id === shard.id);
    const log = run.stream('cart').log();
    const first = log.findIndex((item) => item.tick?.millis === tick.millis && item.shard.from === from.from);
    const wanted = log
      .slice(0, first)
      .flatMap(({ event: one, shard: of }) => (of.from === from.from && one !== undefined ? [one.key] : []))
      .filter((key) => covers(tick.aim, hashOf(key)));
    expect(wanted.filter((key) => !before.some((item) => item.event?.key === key))).toEqual([]);
  }
});

test('an S3 sink, a Postgres sink, a transform beside the way and a table see no tick', async () => {
  const run = await givenPipeline(shop);
  await run.given('cart', [added('ann'), added('bob')]);
  await run.when.pass(minutes(11));
  await run.settled();
  expect(run.bucket('lake').rows('clean/')).toHaveLength(2);
  expect(run.bucket('lake').keys().length).toBeLessThanOrEqual(2);
  expect(run.table('rows')).toHaveLength(2);
  expect(run.stream('other').data()).toHaveLength(2);
  expect(run.table('basket')).toHaveLength(2);
  for (const step of ['cleaning', 'aside', 'basket', 'lake', 'rows']) {
    expect(run.deadLetters(step)).toEqual([]);
    expect(run.positions(step).map(({ recordsBehind }) => recordsBehind)).toEqual(run.positions(step).map(() => 0));
  }
});

test('a pipeline without windows has no ticks', async () => {
  const plain = definePipeline({
    name: 'shop',
    streams: { cart: { schema: CartEvent } },
    tables: { basket: { from: 'cart', keep: basket } },
  });
  const run = await givenPipeline(plain);
  await run.when.pass(minutes(3));
  expect(run.stream('cart').ticks()).toEqual([]);
  expect(planOf(plain, [plain]).ticked).toEqual([]);
});

test('a run settles though its mappings together need more time than passes between two ticks', async () => {
  const run = await givenPipeline(shop, { pollMillis: 25_000 });
  await run.given('cart', [added('ann')]);
  await run.settled({ within: minutes(30) });
  expect(run.table('rows')).toHaveLength(1);
  expect(run.stream('other').data()).toHaveLength(1);
});
