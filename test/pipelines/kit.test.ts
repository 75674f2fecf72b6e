import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { orderEvents } from '../../functions/transforms/order-events.ts';
import { orders } from '../../infra/pipelines/orders.ts';
import { definePipeline, hours, minutes, streamOf } from '../../infra/pipelines/pipeline.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';
import { faultKinds } from '../kit/faults.ts';
import { givenPipeline } from '../kit/given.ts';
import { event, record } from '../kit/given-events.ts';
import { transformed } from '../kit/given-transform.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';

const reading = (sensor_id: string | null, day: number) => ({
  sensor_id,
  date: new Date(Date.UTC(2026, 0, day)).toISOString().slice(0, 10),
  precipitation: 0,
  temp_max: 10 + day,
  temp_min: 1,
  wind: 2,
  weather: 'sun',
});
/** Makes readings of four sensors, some of them without a sensor. */
const readings = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => reading(index % 7 === 6 ? null : `s${index % 4}`, from + index));

const line = (row: number, order: string) => ({
  'Row ID': row,
  'Order ID': order,
  'Order Date': '2026-01-02',
  'Ship Date': '2026-02-03',
  'Ship Mode': 'First Class',
  'Customer ID': `C-${row % 5}`,
  'Customer Name': 'Ada, Countess of "Lovelace"',
  Segment: 'Consumer',
  Country: 'Country',
  City: 'City',
  State: 'State',
  'Postal Code': '01234',
  Region: 'East',
  'Product ID': 'P-1',
  Category: 'Furniture',
  'Sub-Category': 'Chairs',
  'Product Name': 'Chair',
  Sales: row / 4,
  Quantity: row,
  Discount: 0,
  Profit: 1.5,
});
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => line(from + index, `O-${(from + index) % 6}`));

function csvOf(rows: readonly ReturnType<typeof line>[]): string {
  const cell = (value: unknown) => `"${String(value).replaceAll('"', '""')}"`;
  return [Object.keys(line(0, '')), ...rows.map(Object.values)].map((row) => row.map(cell).join(',')).join('\n');
}

const dataOf = (events: readonly unknown[]) => events.map((one) => (one as { data: unknown }).data);

describe('sensors', () => {
  /** Expects everything that was sent in every sink once, and each sensor's readings in their order. */
  function expectAll(run: PipelineRun<typeof sensors.streams>, sent: readonly ReturnType<typeof reading>[]): void {
    const clean = sent.filter(({ sensor_id }) => sensor_id !== null);
    expect(inAnyOrder(run.stream('raw').data())).toEqual(inAnyOrder(sent));
    expect(inAnyOrder(run.stream('clean').data())).toEqual(inAnyOrder(clean));
    expect(inAnyOrder(run.table('readings'))).toEqual(inAnyOrder(clean));
    expect(inAnyOrder(dataOf(run.bucket('lake').rows('raw/')))).toEqual(inAnyOrder(sent));
    expect(inAnyOrder(dataOf(run.bucket('lake').rows('clean/')))).toEqual(inAnyOrder(clean));
    for (const sensor of ['s0', 's1', 's2', 's3']) {
      const of = (rows: readonly unknown[]) =>
        rows.filter((row) => (row as { sensor_id: string }).sensor_id === sensor);
      expect(of(run.stream('clean').data())).toEqual(of(clean));
    }
  }

  test('go from requests to the lake and the table', async () => {
    const run = await givenPipeline(sensors);
    expect(await run.posted('devices', readings(1, 20))).toEqual({ status: 202, body: { accepted: 19 } });
    expect(await run.posted('devices', { sensor_id: 'a', date: 'someday' })).toMatchObject({ status: 400 });
    await run.settled();
    expectAll(run, readings(1, 20));
    expect(run.positions('cleaning')).toMatchObject([{ shard: 'shard 0', recordsBehind: 0 }]);
    expect(run.deadLetters('cleaning')).toEqual([]);
  });

  test('arrive once and in order, whatever fails, while streams are resharded', async () => {
    const run = await givenPipeline(sensors, { seed: 3 });
    run.when.anythingFails({ most: 40, probability: 0.15 });
    await run.given('raw', readings(1, 30), { key: 'sensor_id' });
    await run.when.reshard('raw', 2);
    await run.given('raw', readings(30, 60), { key: 'sensor_id' });
    await run.when.pass(700);
    await run.when.reshard('clean', 1);
    await run.given('raw', readings(60, 90), { key: 'sensor_id' });
    await run.when.reshard('raw', 1);
    await run.given('raw', readings(90, 120), { key: 'sensor_id' });
    await run.settled();
    await run.when.pass(minutes(10));
    expectAll(run, [...readings(1, 30), ...readings(30, 60), ...readings(60, 90), ...readings(90, 120)]);
    expect(new Set(run.faults().map(({ kind }) => kind))).toEqual(new Set(faultKinds));
  });

  test('are the same, call by call, for the same seed', async () => {
    const play = async (seed: number) => {
      const run = await givenPipeline(sensors, { seed });
      run.when.anythingFails({ most: 20, probability: 0.2 });
      await run.posted('devices', readings(1, 40));
      await run.when.reshard('clean', 4);
      await run.given('raw', readings(40, 60), { key: 'sensor_id' });
      await run.settled();
      const events = run
        .stream('clean')
        .events()
        .map(({ source, sequence, key }) => ({ source, sequence, key }));
      return {
        story: run.story(),
        calls: [...run.calls()],
        faults: run.faults(),
        events,
        files: run.bucket('lake').keys(),
      };
    };
    const first = await play(5);
    expect(await play(5)).toEqual(first);
    expect(await play(6)).not.toEqual(first);
  });

  test('wait for a database that is down for an hour, and none becomes a dead letter', async () => {
    const run = await givenPipeline(sensors);
    await run.given('raw', readings(1, 10));
    await run.when.down('readings postgres', hours(1));
    expect(run.table('readings')).toEqual([]);
    expect(run.positions('readings').some(({ recordsBehind }) => recordsBehind > 0)).toBe(true);
    await run.settled();
    expectAll(run, readings(1, 10));
    expect(run.deadLetters('readings')).toEqual([]);
  });
});

describe('orders', () => {
  /** The data of the lake's rows, with the numbers that JSON has. */
  const IN_LAKE = `SELECT * EXCLUDE (event_id, event_source, event_type, event_time, event_key, event_sequence)
    REPLACE (row_id::INTEGER AS row_id, quantity::INTEGER AS quantity) FROM $files`;

  async function expectAll(run: PipelineRun<typeof orders.streams>, given: ReturnType<typeof lines>): Promise<void> {
    const made = transformed(orderEvents, given).map((one) => ('data' in one ? one.data : one)) as { status: string }[];
    const complete = made.filter(({ status }) => status === 'COMPLETE');
    expect(inAnyOrder(run.stream('lines').data())).toEqual(inAnyOrder(given));
    expect(inAnyOrder(await run.bucket('lake').ask(IN_LAKE))).toEqual(inAnyOrder(made));
    expect(inAnyOrder(run.table('completed_orders'))).toEqual(inAnyOrder(complete));
  }

  test('go from files to the lake and the table', async () => {
    const run = await givenPipeline(orders);
    await run.dropped('orders/january.csv', csvOf(lines(1, 30)));
    await run.dropped('orders/february.csv.gz', gzipSync(csvOf(lines(30, 40))));
    await run.settled();
    await expectAll(run, lines(1, 40));
    expect(
      run
        .bucket('lake')
        .keys()
        .every((key) => /^orders\/year=2026\/month=0[12]\//.test(key)),
    ).toBe(true);
  });

  test('arrive once, whatever fails, while streams are resharded', async () => {
    const run = await givenPipeline(orders, { seed: 2 });
    run.when.anythingFails({ most: 60, probability: 0.15 });
    await run.dropped('orders/1.csv', csvOf(lines(1, 30)));
    await run.when.pass(1_000);
    await run.when.reshard('orders', 4);
    await run.dropped('orders/2.csv', csvOf(lines(30, 60)));
    await run.dropped('orders/3.csv', csvOf(lines(60, 70)));
    await run.when.reshard('lines', 2);
    await run.when.pass(2_000);
    await run.when.reshard('orders', 2);
    await run.settled();
    await run.when.pass(minutes(10));
    await expectAll(run, lines(1, 70));
    expect(new Set(run.faults().map(({ kind }) => kind))).toEqual(new Set(faultKinds));
  });

  test('make a dead letter of a row that is not an order, with its line, and continue', async () => {
    const run = await givenPipeline(orders);
    await run.dropped('orders/1.csv', `${csvOf(lines(1, 3))}\n"not a row"`);
    await run.settled();
    await expectAll(run, lines(1, 3));
    expect(run.deadLetters('exports')).toMatchObject([{ text: '"not a row"', origin: { line: 4 } }]);
  });
});

const Word = z.object({ word: z.string(), count: z.int32() });
const shout = defineTransform({
  entry: import.meta.url,
  from: Word,
  to: Word,
  apply: ({ data }) => {
    if (data.word === 'bomb') throw new Error('it went off');
    return [{ type: 'word.shouted', data: { ...data, word: data.word.toUpperCase() } }];
  },
});
const words = definePipeline({
  name: 'words',
  streams: { spoken: { schema: Word }, shouted: { schema: Word, shards: 2 } },
  transforms: { shouting: { from: 'spoken', apply: shout, to: 'shouted' } },
  sinks: {
    counts: { from: 'shouted', write: postgresSink({ table: 'counts', key: ['word'], create: true }) },
    history: { from: 'shouted', write: postgresSink({ table: 'history', create: true }), every: minutes(5) },
  },
});
const listeners = definePipeline({
  name: 'listeners',
  streams: { shouted: streamOf(words, 'shouted') },
  sinks: { heard: { from: 'shouted', write: postgresSink({ table: 'heard', create: true }) } },
});

describe('a pipeline of words', () => {
  const word = (text: string, count = 1) => ({ word: text, count });

  test('keeps the last row of each key in one table, and all in another', async () => {
    const run = await givenPipeline(words);
    await run.given('spoken', [word('a', 1), word('b', 1), word('a', 2)], { key: 'word' });
    await run.settled();
    expect(inAnyOrder(run.table('counts'))).toEqual(inAnyOrder([word('A', 2), word('B', 1)]));
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder([word('A', 1), word('B', 1), word('A', 2)]));
  });

  test('makes dead letters of records that do not decode, do not fit or cannot be transformed or stored', async () => {
    const run = await givenPipeline(words);
    run.when.refused('counts', ({ count }) => ((count as number) < 0 ? 'positive' : undefined));
    await run.given('spoken', [
      record('no json'),
      event({ data: { word: 'x' }, time: '2026-01-01T00:00:00Z' }),
      word('bomb'),
      word('minus', -1),
      word('fine'),
    ]);
    await run.settled();
    expect(run.deadLetters('shouting')).toMatchObject([
      { reason: 'undecodable', text: 'no json' },
      { reason: 'schema', message: expect.stringContaining('count') },
      { reason: 'transform', message: 'apply threw Error: it went off' },
    ]);
    expect(run.deadLetters('counts')).toMatchObject([
      { reason: 'refused', message: expect.stringContaining('positive') },
    ]);
    expect(run.table('counts')).toEqual([word('FINE')]);
    expect(run.table('history')).toEqual([word('MINUS', -1), word('FINE')]);
  });

  test.each(
    faultKinds.flatMap((kind) => (['lambda', 'kinesis', 'dynamodb'] as const).map((service) => ({ kind, service }))),
  )('counts once what a transform appends, when its calls to $service are $kind', async ({ kind, service }) => {
    const run = await givenPipeline(words);
    run.when.fails(`shouting ${service}`, kind, { times: 3, after: 1 });
    for (const text of ['a', 'b', 'c', 'd']) {
      await run.given('spoken', [word(text)]);
      await run.when.pass(1_500);
    }
    await run.settled();
    expect(run.faults().length).toBeGreaterThan(0);
    expect(run.table('history')).toEqual(['A', 'B', 'C', 'D'].map((text) => word(text)));
  });

  test.each(faultKinds.flatMap((kind) => ['Begin', 'Copy', 'Commit', 'LoadProgress'].map((call) => ({ kind, call }))))(
    'adds each row once, when $call of its database is $kind',
    async ({ kind, call }) => {
      const run = await givenPipeline(words);
      run.when.fails(`history postgres.${call}`, kind);
      await run.given('spoken', [word('a'), word('b')]);
      await run.settled();
      await run.when.pass(minutes(10));
      expect(run.faults()).toMatchObject([{ kind, site: `history postgres.${call}` }]);
      expect(run.table('history')).toEqual([word('A'), word('B')]);
    },
  );

  test('drops what was appended twice after a lost reply', async () => {
    const run = await givenPipeline(words);
    run.when.fails('shouting kinesis.PutRecords', 'reply lost');
    await run.given('spoken', [word('a'), word('b')]);
    await run.settled();
    expect(run.stream('shouted').repeats()).toBe(2);
    expect(run.stream('shouted').data()).toEqual([word('A'), word('B')]);
    expect(run.table('history')).toHaveLength(2);
  });

  test('continues in new processes after all of its own were killed', async () => {
    const run = await givenPipeline(words);
    await run.given('spoken', [word('a')]);
    await run.settled();
    for (const step of ['shouting', 'counts', 'history']) run.when.killed(step);
    await run.given('spoken', [word('b')]);
    await run.settled();
    expect(run.table('history')).toEqual([word('A'), word('B')]);
  });

  test('runs beside another pipeline that reads its stream', async () => {
    const run = await givenPipeline(listeners, { beside: [words] });
    await run.given('shouted', [word('LOUD')]);
    await run.settled();
    expect(run.table('heard')).toEqual([word('LOUD')]);
  });

  test('describes what it did in a few lines when it never finishes', async () => {
    const run = await givenPipeline(words);
    run.when.fails('shouting dynamodb', 'throttled', { times: Number.POSITIVE_INFINITY });
    await run.given('spoken', [word('a')]);
    await expect(run.settled({ within: minutes(30) })).rejects.toThrow(
      'after 30 minutes the steps have not processed everything: shouting is 1 record behind',
    );
    expect(run.story().length).toBeLessThan(10);
    expect(run.story().map((line) => line.trim())).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^01\.\d+s shouting dynamodb\.GetItem \w+: throttled \(\d+ times\)$/),
      ]),
    );
  });

  test.each<[string, (run: PipelineRun<typeof words.streams>) => unknown, string]>([
    ['a step', (run) => run.deadLetters('shoutin'), "there is no step 'shoutin': there are shouting, counts, history"],
    ['a stream', (run) => run.stream('spoke' as 'spoken'), "there is no stream 'spoke': there are spoken, shouted"],
    [
      'a service',
      (run) => run.when.fails('shouting kines', 'throttled'),
      "no step calls 'kines'; there are lambda, kinesis",
    ],
    ['a site', (run) => run.when.fails('shoutin kinesis', 'throttled'), "there is no step 'shoutin'"],
    ['a file', (run) => run.bucket('lake').text('x'), "the bucket has no 'x'; it has nothing"],
  ])('names what there is when a test names %s that is not there', async (_, ask, message) => {
    const run = await givenPipeline(words);
    expect(() => ask(run)).toThrow(message);
  });
});
