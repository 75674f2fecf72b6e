import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../functions/runtime/table.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { withCopies } from '../../infra/pipelines/copies.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const ARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/theirs';
const START = '2026-01-01T12:00:00Z';
const at = (minute: number): string => new Date(Date.parse(START) + minutes(minute)).toISOString();

const Sale = z.object({ region: z.string(), amount: z.int32() });

const quarters = defineTable({
  entry: import.meta.url,
  from: Sale,
  row: Sale,
  key: ['region'],
  window: tumbling({ size: minutes(15), grace: minutes(5), emit: 'final' }),
  reduce: (row, { data: { region, amount } }) => ({ region, amount: (row?.amount ?? 0) + amount }),
});

const pass = defineTransform({
  entry: import.meta.url,
  from: Sale,
  to: Sale,
  apply: ({ type, data }) => [{ type, data }],
});

const theirs = { schema: Sale, existing: ARN } as const;
const direct = definePipeline({
  name: 'shop',
  streams: { theirs },
  tables: { quarters: { from: 'theirs', keep: quarters } },
  sinks: { lake: { from: 'theirs', write: s3Sink({ prefix: 'sales' }), every: minutes(5) } },
});

const sale = (minute: number, region: string, amount: number) =>
  event({ key: region, time: at(minute), data: { region, amount } });

test('a table with windows reads an existing stream through a copy, and nobody else does', () => {
  const { streams, steps, ticked } = planOf(direct, [direct]);
  expect(streams.map(({ name, shards, retentionHours }) => [name, shards, retentionHours])).toEqual([
    ['theirs-timed', 1, 24],
  ]);
  expect(ticked.map(({ name, copyOf }) => [name, copyOf?.stream, copyOf?.step])).toMatchObject([
    ['theirs-timed', { arn: ARN }, 'shop/theirs-copy'],
  ]);
  const reads = steps.map((step) =>
    step.kind === 'source'
      ? []
      : [step.name, step.input.stream.kind === 'own' ? step.input.stream.name : 'theirs', step.input.time],
  );
  expect(reads).toEqual([
    ['theirs-copy', 'theirs', undefined],
    ['quarters', 'theirs-timed', { steps: ['shop/theirs-copy'], scheduled: false }],
    ['lake', 'theirs', undefined],
  ]);
});

test('what stands between the stream and the table reads the copy as well, once, whoever declares the stream', () => {
  const far = definePipeline({
    name: 'far',
    streams: {
      theirs: { ...theirs, copy: { shards: 4, retentionDays: 2 } },
      clean: { schema: Sale },
      other: { schema: Sale },
    },
    transforms: {
      cleaning: { from: 'theirs', apply: pass, to: 'clean', start: 'latest' },
      aside: { from: 'theirs', apply: pass, to: 'other' },
    },
    tables: { quarters: { from: 'clean', keep: quarters } },
  });
  const { steps, streams } = planOf(far, [far]);
  const of = (name: string) =>
    steps.find((step) => step.name === name) as { input: { start: unknown; stream: { name?: string } } };
  expect(
    ['cleaning', 'aside', 'theirs-copy'].map((name) => [of(name).input.stream.name, of(name).input.start]),
  ).toEqual([
    ['theirs-timed', 'earliest'],
    [undefined, 'earliest'],
    [undefined, 'latest'],
  ]);
  expect(streams.find(({ name }) => name === 'theirs-timed')).toMatchObject({ shards: 4, retentionHours: 48 });
  const all = [far];
  expect(withCopies(withCopies(all))).toBe(withCopies(all));
  const plain = [definePipeline({ name: 'plain', streams: { theirs } })];
  expect(withCopies(plain)).toBe(plain);
});

test.each([
  [{ 'theirs-timed': { schema: Sale } }, {}, "'theirs-timed' exists already: rename that, or the stream"],
  [
    {},
    { two: { from: 'theirs', keep: quarters, start: 'latest' } },
    "'quarters' and 'two' read the stream 'theirs' through one copy",
  ],
])('a copy that cannot be made is refused with what to change: %#', (streams, tables, message) => {
  const pipeline = definePipeline({
    name: 'shop',
    streams: { theirs, ...(streams as object) },
    tables: { quarters: { from: 'theirs', keep: quarters }, ...(tables as object) },
  });
  expect(() => planOf(pipeline, [pipeline])).toThrow(message);
});

test('a stream that others read gets no ticks, and is copied as wide as it is', () => {
  const shared = definePipeline({
    name: 'shared',
    streams: { sales: { schema: Sale, shards: 3, retentionDays: 7, shared: true }, raw: { schema: Sale } },
    transforms: { cleaning: { from: 'raw', apply: pass, to: 'sales' } },
    tables: { quarters: { from: 'sales', keep: quarters } },
  });
  const { streams, steps, ticked } = planOf(shared, [shared]);
  expect(ticked.map(({ name }) => name)).toEqual(['sales-timed']);
  expect(streams.at(-1)).toMatchObject({ name: 'sales-timed', shards: 3, retentionHours: 168 });
  const times = steps.map((step) => (step.kind === 'source' ? [] : [step.name, step.input.time?.steps]));
  expect(times).toEqual([
    ['cleaning', undefined],
    ['sales-copy', undefined],
    ['quarters', ['shared/sales-copy']],
  ]);
});

test('windows over an existing stream close by the time of its copy, also when the stream is idle', async () => {
  const run = await givenPipeline(direct, { start: START });
  await run.given('theirs', [sale(0, 'west', 1), sale(0, 'east', 2)]);
  await run.when.pass(minutes(14));
  await run.given('theirs', [sale(14, 'west', 4)]);
  await run.when.pass(minutes(5));
  expect(run.table('quarters')).toEqual([]);
  await run.when.pass(minutes(4));
  await run.settled();
  expect(inAnyOrder(run.table('quarters').map(({ region, amount }) => `${region} ${amount}`))).toEqual([
    'east 2',
    'west 5',
  ]);
  await run.given('theirs', [sale(14, 'west', 8)]);
  await run.settled();
  expect(run.deadLetters('quarters')).toMatchObject([{ reason: 'late' }]);
});

test('no tick passes what the copy has not read, through a pause, a reshard of the stream and faults', async () => {
  const run = await givenPipeline(direct, { start: START });
  await run.given('theirs', [sale(0, 'a', 1)]);
  await run.when.paused('theirs-copy');
  const regions = ['a', 'b', 'c', 'd', 'e', 'f'];
  await run.given(
    'theirs',
    regions.map((region) => sale(1, region, 10)),
  );
  // The new shards are empty, so they are read to their ends: their range is not, because the old one waits.
  await run.when.reshard('theirs', 2);
  // On the clock of the schedule, every window is over.
  await run.when.pass(minutes(30));
  expect(run.table('quarters')).toEqual([]);
  run.when.anythingFails({ most: 20 });
  await run.when.resumed('theirs-copy');
  await run.when.pass(minutes(10));
  await run.settled();
  expect(inAnyOrder(run.table('quarters').map(({ region, amount }) => `${region} ${amount}`))).toEqual(
    inAnyOrder(['a 11', ...regions.slice(1).map((region) => `${region} 10`)]),
  );
  expect(run.deadLetters('quarters')).toEqual([]);
});
