import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { hopping, session, tumbling, type Windowing } from '../../functions/runtime/windows.ts';
import { definePipeline, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const MINUTE = 60_000;
const START = '2026-01-01T00:00:00Z';
const at = (minute: number): string => new Date(Date.parse(START) + minute * MINUTE).toISOString();

const Sale = z.object({ region: z.string(), amount: z.int32() });
const Sum = z.object({ region: z.string(), amount: z.int32() });

const sums = (window: Windowing) =>
  defineTable({
    entry: import.meta.url,
    from: Sale,
    row: Sum,
    key: ['region'],
    window,
    reduce: (row, { data }) => ({ region: data.region, amount: (row?.amount ?? 0) + data.amount }),
    ...(window.windows.kind === 'session' ? { merge: added } : {}),
  });

const added = (one: z.infer<typeof Sum>, other: z.infer<typeof Sum>) => ({
  region: one.region,
  amount: one.amount + other.amount,
});

const copy = defineTransform({
  entry: import.meta.url,
  from: Sale,
  to: Sale,
  apply: ({ type, data, time, key }) => [{ type, data, time, key }],
});

/** Sums by region, over a transform, with a change stream. */
const shop = (window: Windowing, shards = 1) =>
  definePipeline({
    name: 'shop',
    streams: {
      sales: { schema: Sale, shards },
      clean: { schema: Sale, shards },
      changes: { schema: z.unknown() },
    },
    transforms: { cleaning: { from: 'sales', apply: copy, to: 'clean' } },
    tables: { sums: { from: 'clean', keep: sums(window), changes: 'changes' } },
  });

const sale = (minute: number, region: string, amount: number) =>
  event({ type: 'sale.made', key: region, time: at(minute), data: { region, amount } });

const quarters = (emit: 'changes' | 'final') =>
  tumbling({ size: 15 * MINUTE, grace: 5 * MINUTE, retention: 60 * MINUTE, emit });

/** The columns of a window as a change has them, and as Postgres shows them. */
const sent = (minute: number, minutesLong = 15) => ({ window_start: at(minute), window_end: at(minute + minutesLong) });
const shown = (minute: number, minutesLong = 15) => ({
  window_start: at(minute).replace('.000Z', '+00:00'),
  window_end: at(minute + minutesLong).replace('.000Z', '+00:00'),
});

test('a table with windows has a row for each key and window', async () => {
  const run = await givenPipeline(shop(quarters('changes')));
  await run.when.pass(minutes(20));
  await run.given('sales', [sale(14, 'north', 1), sale(15, 'north', 2), sale(16, 'north', 3), sale(16, 'south', 4)]);
  await run.settled();
  expect(inAnyOrder(run.table('sums'))).toEqual(
    inAnyOrder([
      { region: 'north', amount: 1, ...shown(0) },
      { region: 'north', amount: 5, ...shown(15) },
      { region: 'south', amount: 4, ...shown(15) },
    ]),
  );
  expect(
    run
      .stream('changes')
      .events()
      .map(({ type }) => type),
  ).toEqual(Array(3).fill('sums.inserted'));
});

test('an idle stream closes its last window within a minute after its end plus the grace period, though no event comes', async () => {
  const run = await givenPipeline(shop(quarters('final')));
  await run.given('sales', [sale(0, 'north', 1), sale(0, 'north', 2)]);
  await run.when.pass(minutes(19.9));
  expect(run.table('sums')).toEqual([]);
  expect(run.stream('changes').events()).toEqual([]);
  await run.when.pass(minutes(1.1));
  await run.settled();
  expect(run.table('sums')).toEqual([{ region: 'north', amount: 3, ...shown(0) }]);
  const [final, ...more] = run.stream('changes').events();
  expect(more).toEqual([]);
  expect(final).toMatchObject({
    type: 'sums.inserted',
    time: '2026-01-01T00:14:59.999Z',
    data: { region: 'north', amount: 3, ...sent(0) },
  });
});

test('a late event is a dead letter that names the window which it missed, and a redrive counts it there once', async () => {
  const run = await givenPipeline(shop(quarters('final')));
  await run.given('sales', [sale(0, 'north', 1)]);
  await run.when.pass(minutes(25));
  await run.given('sales', [sale(14, 'north', 10), sale(16, 'north', 100)]);
  await run.settled();
  expect(run.deadLetters('sums')).toMatchObject([{ reason: 'late', origin: { lateAt: expect.any(String) } }]);
  expect(run.deadLetters('sums')[0]?.message).toContain(`the window ${at(0)} to ${at(15)} had closed`);
  expect(run.table('sums')).toMatchObject([{ amount: 1, ...shown(0) }]);
  await run.when.redriven('sums');
  await run.settled();
  await run.when.redriven('sums');
  await run.settled();
  expect(run.table('sums')).toMatchObject([{ amount: 11, ...shown(0) }]);
  expect(run.deadLetters('sums')).toEqual([]);
  expect(
    run
      .stream('changes')
      .events()
      .map(({ type, data }) => [type, (data as { amount: number }).amount]),
  ).toEqual([
    ['sums.inserted', 1],
    ['sums.updated', 11],
  ]);
});

test('an event counts in the hopping windows that are open, and a redrive in those that it missed only', async () => {
  const run = await givenPipeline(
    shop(hopping({ size: 20 * MINUTE, advance: 10 * MINUTE, grace: 0, retention: 120 * MINUTE })),
  );
  await run.when.pass(minutes(22));
  await run.given('sales', [sale(15, 'north', 1)]);
  await run.settled();
  expect(run.table('sums')).toEqual([{ region: 'north', amount: 1, ...shown(10, 20) }]);
  await run.when.redriven('sums');
  await run.settled();
  expect(inAnyOrder(run.table('sums'))).toEqual(
    inAnyOrder([
      { region: 'north', amount: 1, ...shown(0, 20) },
      { region: 'north', amount: 1, ...shown(10, 20) },
    ]),
  );
});

test('an event of the year 9999 is a dead letter and closes no window', async () => {
  const run = await givenPipeline(shop(quarters('final')));
  await run.given('sales', [
    sale(0, 'north', 1),
    event({ type: 'sale.made', key: 'north', time: '9999-01-01T00:00:00Z', data: { region: 'north', amount: 1_000 } }),
    sale(0, 'north', 2),
  ]);
  await run.settled();
  expect(run.deadLetters('sums')).toMatchObject([{ reason: 'future' }]);
  await run.when.pass(minutes(21));
  await run.settled();
  expect(run.table('sums')).toMatchObject([{ amount: 3 }]);
});

test('rows are dropped when their window is no longer kept, without a change event', async () => {
  const run = await givenPipeline(shop(quarters('changes')));
  await run.given('sales', [sale(0, 'north', 1)]);
  await run.when.pass(minutes(59));
  expect(run.table('sums')).toHaveLength(1);
  await run.when.pass(minutes(3));
  await run.settled();
  expect(run.table('sums')).toEqual([]);
  expect(
    run
      .stream('changes')
      .events()
      .map(({ type }) => type),
  ).toEqual(['sums.inserted']);
});

test('splits and merges in the middle close no window twice and lose none', async () => {
  const run = await givenPipeline(shop(quarters('final'), 2), { seed: 3 });
  const regions = Array.from({ length: 12 }, (_, n) => `region-${n}`);
  const sell = (minute: number) =>
    run.given(
      'sales',
      regions.map((region) => sale(minute, region, 1)),
    );
  await sell(0);
  await run.when.pass(minutes(10));
  await run.when.resharded('clean', 'split');
  await run.when.resharded('sales', 'merge');
  await sell(10);
  await run.when.pass(minutes(9));
  await run.when.resharded('clean', 'merge');
  await run.when.pass(minutes(2));
  await run.when.resharded('clean', 'split');
  await run.when.pass(hours(1));
  await run.settled();
  const finals = run.stream('changes').events();
  expect(finals.map(({ data }) => (data as { region: string }).region).sort()).toEqual(regions.toSorted());
  expect(finals.every(({ type, data }) => type === 'sums.inserted' && (data as { amount: number }).amount === 2)).toBe(
    true,
  );
  expect(run.deadLetters('sums')).toEqual([]);
});

test('another run over the same events makes the same final events, byte for byte, however batches are cut', async () => {
  const finals = async (seed: number, recordBytes: number | undefined) => {
    const run = await givenPipeline(shop(quarters('final')), {
      seed,
      ...(recordBytes === undefined ? {} : { recordBytes }),
    });
    for (const minute of [0, 7, 14, 21, 28]) {
      await run.given(
        'sales',
        ['north', 'south', 'east'].map((region) => sale(minute, region, minute + 1)),
      );
      await run.when.pass(minutes(7));
    }
    if (recordBytes !== undefined) run.when.recut('sums');
    await run.when.pass(hours(1));
    await run.settled();
    return run
      .stream('changes')
      .events()
      .map(({ type, key, time, dataBytes }) => [type, key, time, Buffer.from(dataBytes).toString()]);
  };
  const first = await finals(1, undefined);
  expect(first.length).toBe(6);
  expect(await finals(2, 1_024)).toEqual(first);
});

test('windows that are due together and do not fit into one page close one page after the other', async () => {
  const run = await givenPipeline(shop(quarters('final')), { recordBytes: 1_024 });
  const regions = Array.from({ length: 25 }, (_, n) => `region-${n}`);
  await run.given(
    'sales',
    regions.map((region) => sale(0, region, 1)),
  );
  await run.when.pass(minutes(22));
  await run.settled();
  expect(run.table('sums')).toHaveLength(25);
  expect(run.stream('changes').events()).toHaveLength(25);
});

test('a session holds the events of a key that are no more than the gap apart, and closes when gap and grace are over after its last one', async () => {
  const gaps = session({ gap: 10 * MINUTE, grace: 5 * MINUTE, emit: 'final' });
  const run = await givenPipeline(shop(gaps), { start: at(30) });
  await run.when.pass(minutes(1.5));
  await run.given('sales', [sale(28, 'north', 1), sale(9, 'south', 2), sale(28, 'south', 4), sale(30, 'north', 8)]);
  await run.when.pass(minutes(11));
  expect(run.table('sums')).toEqual([]);
  await run.when.pass(minutes(2));
  expect(run.table('sums')).toEqual([{ region: 'south', amount: 4, ...shown(28, 0) }]);
  await run.when.pass(minutes(2));
  await run.settled();
  expect(run.table('sums')).toEqual([
    { region: 'south', amount: 4, ...shown(28, 0) },
    { region: 'north', amount: 9, ...shown(28, 2) },
  ]);
  expect(run.deadLetters('sums')).toMatchObject([{ reason: 'late' }]);
});

test('a table has windows over the final rows of another one, and closes them when no such row can come any more', async () => {
  const Five = Sum.extend({ window_start: z.string(), window_end: z.string() });
  const twenties = defineTable({
    entry: import.meta.url,
    from: Five,
    row: Sum.extend({ fives: z.int32() }),
    key: ['region'],
    window: tumbling({ size: 20 * MINUTE, grace: 0, emit: 'final' }),
    reduce: (row, { data: { region, amount } }) => ({
      region,
      amount: (row?.amount ?? 0) + amount,
      fives: (row?.fives ?? 0) + 1,
    }),
  });
  // The changes of a table have its key, the start of the window included.
  const byRegion = defineTransform({
    entry: import.meta.url,
    from: Five,
    to: Five,
    apply: ({ type, data, time }) => [{ type, data, time, key: data.region }],
  });
  const chain = definePipeline({
    name: 'shop',
    streams: {
      sales: { schema: Sale, shards: 2 },
      fives: { schema: Five, shards: 2 },
      by_region: { schema: Five, shards: 2 },
      twenties: { schema: z.unknown() },
    },
    transforms: { rekey: { from: 'fives', apply: byRegion, to: 'by_region' } },
    tables: {
      fives: {
        from: 'sales',
        keep: sums(tumbling({ size: 5 * MINUTE, grace: MINUTE, emit: 'final' })),
        changes: 'fives',
      },
      twenties: { from: 'by_region', keep: twenties, changes: 'twenties' },
    },
  });
  const run = await givenPipeline(chain, { pollMillis: 10_000 });
  for (const minute of [1, 6, 12, 19]) {
    await run.when.pass(Date.parse(at(minute)) - run.now());
    await run.given('sales', [sale(minute, 'north', 1), sale(minute, 'south', minute)]);
  }
  // The last five minutes close at 21:00, and the twenty minutes when that is passed on.
  await run.when.pass(minutes(1.5));
  expect(run.stream('twenties').events()).toEqual([]);
  await run.when.pass(minutes(3));
  await run.settled();
  const window = { window_start: at(0), window_end: at(20) };
  expect(inAnyOrder(run.stream('twenties').data())).toEqual(
    inAnyOrder([
      { region: 'north', amount: 4, fives: 4, ...window },
      { region: 'south', amount: 38, fives: 4, ...window },
    ]),
  );
  expect([...run.deadLetters('fives'), ...run.deadLetters('twenties')]).toEqual([]);
});

test('an event between two sessions makes one of them, and the change stream says so', async () => {
  const gaps = session({ gap: 10 * MINUTE, grace: 60 * MINUTE });
  const run = await givenPipeline(shop(gaps), { start: at(30) });
  for (const minute of [5, 25, 15]) {
    await run.given('sales', [sale(minute, 'north', minute)]);
    await run.settled();
  }
  expect(run.table('sums')).toEqual([{ region: 'north', amount: 45, ...shown(5, 20) }]);
  const changes = run.stream('changes').events();
  expect(changes.map(({ type, data }) => [type, (data as { amount: number }).amount])).toEqual([
    ['sums.inserted', 5],
    ['sums.inserted', 25],
    ['sums.updated', 45],
    ['sums.deleted', 25],
  ]);
});
