import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Converted } from '../../functions/runtime/on-failure/documents.ts';
import { YOUNGEST_DISCARDED_MILLIS } from '../../functions/runtime/on-failure/gaps.ts';
import { convertFor, type OnFailureSurroundings } from '../../functions/runtime/on-failure/handler.ts';
import { newAggregate } from '../../functions/runtime/record-codec/aggregate.ts';
import { parseStepConfig } from '../../functions/runtime/step-config.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { listLetters } from '../../infra/operation/dead-letters/dead-letters.ts';
import { convertOnFailure } from '../../infra/operation/dead-letters/on-failure.ts';
import { redriveLetters } from '../../infra/operation/dead-letters/redrive.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import type { StepPlan, TransformPlan } from '../../infra/pipelines/plan.ts';
import { operate } from '../kit/operator.ts';
import { settle } from '../kit/settle.ts';
import { deadLettersOf, streamView } from '../kit/views.ts';
import { startWorld, type World } from '../kit/world.ts';

const Item = z.object({ number: z.number() });
const copying = defineTransform({ entry: import.meta.url, from: Item, to: Item, apply: (event) => [event] });
const pipeline = definePipeline({
  name: 'shop',
  streams: { raw: { schema: Item }, copied: { schema: Item } },
  transforms: { copying: { from: 'raw', apply: copying, to: 'copied' } },
  sinks: { items: { from: 'raw', write: postgresSink({ table: 'items' }) } },
});

const HOUR = 3_600_000;
const OLDEST_AGE_SECONDS = 20 * 3_600;
const { signal } = new AbortController();

async function start(): Promise<{ world: World; copies: TransformPlan; items: StepPlan }> {
  const options = { seed: 1, startMillis: Date.parse('2026-01-01T00:00:00Z') };
  const world = await startWorld({
    pipelines: [pipeline],
    recordBytes: undefined,
    pollMillis: 60_000,
    ...options,
  });
  const named = (name: string): StepPlan => world.steps.find((step) => step.name === name) as StepPlan;
  // Earlier versions deployed their mappings with an age: the retention less four hours.
  for (const mapping of world.feeders.mappings.values())
    await world.clock.runUntil(mapping.update({ MaximumRecordAgeInSeconds: OLDEST_AGE_SECONDS }));
  return { world, copies: named('copying') as TransformPlan, items: named('items') };
}

const put = (world: World, numbers: readonly number[]): Promise<void> =>
  putInto(world, world.stage.names.stream('shop', 'raw'), numbers);

/** Packs several events into one record, as KPL does. */
async function putInto(world: World, stream: string, numbers: readonly number[]): Promise<void> {
  const aggregate = newAggregate({ maxBytes: 1_000_000 });
  for (const number of numbers) aggregate.add(`key-${number}`, Buffer.from(JSON.stringify({ number })));
  const record = { Data: aggregate.finish(), PartitionKey: 'k', StreamName: stream };
  await operate(world, ({ clients }) => clients.kinesis.send(new PutRecordCommand(record)));
}

const convert = (world: World): Promise<readonly Converted[]> =>
  operate(world, (target) => convertOnFailure(target, world.steps, { now: world.clock.now, signal }));

const numbersOf = (letters: readonly { readonly text?: string }[]): number[] =>
  letters.map(({ text = '' }) => (JSON.parse(text) as { number: number }).number).sort((a, b) => a - b);

const copied = (world: World): number[] =>
  streamView(world, world.stage.names.stream('shop', 'copied'), ['/shop/copying/'])
    .data()
    .map((data) => (data as { number: number }).number)
    .sort((a, b) => a - b);

const documentKeys = (world: World): readonly string[] =>
  world.stage.s3
    .objects(world.stage.names.deadLetters)
    .flatMap(({ key }) => (key.startsWith('aws/lambda/') ? [key] : []));
const documents = (world: World): number => documentKeys(world).length;

/** Stops the step for so long that Lambda discards its oldest records, then lets it continue. */
async function outage(world: World, step: StepPlan): Promise<void> {
  await put(world, [1]);
  await settle(world, HOUR);
  const site = step.name === 'items' ? 'items postgres' : step.name;
  const up = world.faults.add({ site, kind: 'request lost', times: Number.POSITIVE_INFINITY });
  await put(world, [2, 3]);
  await put(world, [4]);
  await world.clock.advance(12 * HOUR);
  await put(world, [5]);
  // Lambda discards the oldest records after 20 hours. The outage ends half an hour later, before they are reported.
  await world.clock.advance(8.5 * HOUR);
  up();
}

test('a step looks for gaps where a mapping of an earlier version may have discarded records', () => {
  expect(OLDEST_AGE_SECONDS * 1_000).toBeGreaterThan(YOUNGEST_DISCARDED_MILLIS + HOUR / 2);
});

describe('records that Lambda discarded', () => {
  test('become dead letters, event by event, and no event that the step processed does', async () => {
    const { world, copies } = await start();
    await outage(world, copies);
    await settle(world, HOUR);
    await put(world, [6]);
    await settle(world, HOUR);
    expect(copied(world)).toEqual([1, 5, 6]);
    expect(documents(world)).toBeGreaterThan(0);

    const found = await convert(world);
    expect(found.reduce((sum, { letters }) => sum + (letters?.count ?? 0), 0)).toBe(3);
    const letters = deadLettersOf(world, copies);
    expect(numbersOf(letters)).toEqual([2, 3, 4]);
    expect(new Set(letters.map(({ reason }) => reason))).toEqual(new Set(['expired']));
    expect(letters[0]?.message).toMatch(/^Lambda discarded it at 2026-01-01T\S+ \(RecordAgeExceeded\)$/);
    expect(letters.map(({ event }) => event?.key)).toEqual(['key-2', 'key-3', 'key-4']);
    expect(documents(world)).toBe(0);
    expect(await convert(world)).toEqual([]);
  });

  test('become dead letters before the step continues too, and are redriven to it once', async () => {
    const { world, copies } = await start();
    await outage(world, copies);
    await convert(world);
    expect(numbersOf(deadLettersOf(world, copies))).toEqual([2, 3, 4]);
    await settle(world, HOUR);
    await operate(world, async (target) => {
      const letters = await Array.fromAsync(listLetters(target, { pipeline: 'shop', step: 'copying' }, signal));
      await redriveLetters(copies, target, {
        letters,
        onProgress: () => undefined,
        nowMillis: world.clock.now,
        signal,
      });
    });
    await settle(world, HOUR);
    expect(copied(world)).toEqual([1, 2, 3, 4, 5]);
    expect(deadLettersOf(world, copies)).toEqual([]);
  });

  test('are stored again under the same keys when the bucket fails before the document is deleted', async () => {
    const { world, copies } = await start();
    await outage(world, copies);
    await settle(world, HOUR);
    const failing = operate(world, (target) => {
      const send = (command: object, options: object): Promise<unknown> =>
        command.constructor.name === 'DeleteObjectCommand'
          ? Promise.reject(new Error('the bucket is down'))
          : target.clients.s3.send(command as never, options as never);
      const broken = { ...target, clients: { ...target.clients, s3: { send } as never } };
      return convertOnFailure(broken, world.steps, { now: world.clock.now, signal });
    });
    expect((await failing).every(({ error }) => (error as Error).message === 'the bucket is down')).toBe(true);
    const before = deadLettersOf(world, copies);
    await convert(world);
    expect(deadLettersOf(world, copies)).toEqual(before);
    expect(numbersOf(before)).toEqual([2, 3, 4]);
    expect(documents(world)).toBe(0);
  });

  test('of a sink whose positions cannot be read are known by the gap that the sink records when it continues', async () => {
    const { world, items } = await start();
    await outage(world, items);
    const early = await convert(world);
    expect(early.every(({ letters, error }) => letters === undefined && error === undefined)).toBe(true);
    expect(deadLettersOf(world, items)).toEqual([]);
    await settle(world, HOUR);
    expect(world.stage.tables.rows('items')).toEqual([{ number: 1 }, { number: 5 }]);
    await convert(world);
    expect(numbersOf(deadLettersOf(world, items))).toEqual([2, 3, 4]);
    expect(deadLettersOf(world, items)[0]?.message).not.toContain('cannot be found out');
  });

  test('of a sink that never continues are reported after an hour, as possibly processed', async () => {
    const { world, items } = await start();
    await outage(world, items);
    world.faults.add({ site: 'items', kind: 'request lost', times: Number.POSITIVE_INFINITY });
    await world.clock.advance(2 * HOUR);
    await convert(world);
    const letters = deadLettersOf(world, items);
    expect(numbersOf(letters)).toEqual([2, 3, 4]);
    expect(letters[0]?.message).toContain('cannot be found out');
  });

  test('are found by the platform’s function, which counts them as dead letters of their step', async () => {
    const { world, copies } = await start();
    await outage(world, copies);
    await settle(world, HOUR);
    const lines: string[] = [];
    const requests: unknown[] = [];
    const work = (tells: object) =>
      runPlatformFunction(
        world,
        {},
        {
          log: (line) => lines.push(line),
          lambda: {
            send: async ({ input }: { readonly input: unknown }) => {
              requests.push(input);
              return tells;
            },
          } as never,
        },
      );
    await expect(work({})).rejects.toThrow('could not be made dead letters');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject(
      Array.from({ length: documents(world) }, () => ({ level: 'error', step: 'given-up' })),
    );
    expect(numbersOf(deadLettersOf(world, copies))).toEqual([]);

    lines.length = 0;
    await work({ Environment: { Variables: { STEP_CONFIG: JSON.stringify(world.stage.configOf(copies)) } } });
    expect(numbersOf(deadLettersOf(world, copies))).toEqual([2, 3, 4]);
    expect(requests).toContainEqual({ FunctionName: expect.stringContaining('millrace-test-shop--copying') });
    const counted = lines.map((line) => JSON.parse(line) as { pipeline: string; step: string; rejected: number });
    expect(new Set(counted.map(({ pipeline: of, step }) => `${of}/${step}`))).toEqual(new Set(['shop/copying']));
    expect(counted.reduce((sum, { rejected }) => sum + rejected, 0)).toBe(3);
    expect(documents(world)).toBe(0);
  });

  test('are converted document by document as they are announced, and all of them once an hour', async () => {
    const { world, copies } = await start();
    await outage(world, copies);
    await settle(world, HOUR);
    const bucket = world.stage.names.deadLetters;
    const [first] = world.stage.s3.objects(bucket).filter(({ key }) => key.startsWith('aws/lambda/'));
    for (const name of ['again', 'once-more']) {
      const again = { Bucket: bucket, Key: `${first?.key}-${name}`, Body: first?.bytes ?? '' };
      await operate(world, ({ clients }) => clients.s3.send(new PutObjectCommand(again)));
    }
    const keys = documentKeys(world);
    expect(keys.length).toBeGreaterThan(3);
    const calls: string[] = [];
    const STEP_CONFIG = JSON.stringify(world.stage.configOf(copies));
    const lambda = { send: async () => ({ Environment: { Variables: { STEP_CONFIG } } }) } as never;
    const seen = { calls, log: () => undefined, lambda };
    const announcing = (key: string | undefined) => ({ source: 'aws.s3', detail: { object: { key } } });
    const messages = [keys[1], keys[2]].map((key) => ({
      eventSource: 'aws:sqs',
      body: JSON.stringify(announcing(key)),
    }));
    await runPlatformFunction(world, { Records: messages }, seen);
    expect(documentKeys(world)).toEqual(keys.filter((key) => key !== keys[1] && key !== keys[2]));
    expect(calls).not.toContain('ListObjectsV2Command');
    expect(calls.filter((call) => call === 'GetObjectCommand')).toHaveLength(2);
    expect(calls.filter((call) => call === 'DescribeStreamSummaryCommand')).toHaveLength(1);

    // SQS delivers the same messages twice, beside one whose document is left.
    calls.length = 0;
    const third = { eventSource: 'aws:sqs', body: JSON.stringify(announcing(keys[3])) };
    await runPlatformFunction(world, { Records: [...messages, third] }, seen);
    expect(documentKeys(world)).toEqual([keys[0]]);
    expect(calls).not.toContain('ListObjectsV2Command');

    calls.length = 0;
    await runPlatformFunction(world, { source: 'aws.events' }, seen);
    expect(documentKeys(world)).toEqual([]);
    expect(calls.filter((call) => call === 'DescribeStreamSummaryCommand')).toHaveLength(1);
    expect(calls.filter((call) => call === 'ListObjectsV2Command')).toHaveLength(1);
  });

  test('stay in place when their step is unknown here', async () => {
    const { world, copies } = await start();
    await outage(world, copies);
    await settle(world, HOUR);
    const before = documents(world);
    const found = await operate(world, (target) => convertOnFailure(target, [], { now: world.clock.now, signal }));
    expect(String(found[0]?.error)).toContain('no step has the function millrace-test-shop--copying');
    expect(documents(world)).toBe(before);
  });
});

/** Calls the platform's function with an event. Notes the names of its calls to S3 and Kinesis in `calls`. */
function runPlatformFunction(
  world: World,
  event: unknown,
  { calls = [], ...seen }: Pick<OnFailureSurroundings, 'log' | 'lambda'> & { readonly calls?: string[] },
): Promise<void> {
  const noting = <Client extends { send: unknown }>(client: Client): Client => ({
    ...client,
    send: (...given: readonly unknown[]) => {
      calls.push((given[0] as object).constructor.name);
      return (client.send as (...given: readonly unknown[]) => unknown).call(client, ...given);
    },
  });
  return operate(world, ({ clients, names }) => {
    const config = {
      pipeline: 'platform',
      step: 'given-up',
      generation: 'g',
      checkpoints: names.checkpoints,
      deadLetters: names.deadLetters,
    };
    const surroundings = {
      ...seen,
      kinesis: noting(clients.kinesis),
      dynamodb: clients.dynamodb,
      s3: noting(clients.s3),
      now: world.clock.now,
      config: parseStepConfig(JSON.stringify(config)),
    };
    return convertFor(event, surroundings, { awsRequestId: 'r', getRemainingTimeInMillis: () => 900_000 });
  });
}

/** Another team's stream: nobody said how long it keeps events. */
const foreign = definePipeline({
  name: 'shop',
  streams: {
    raw: { schema: Item, existing: 'arn:aws:kinesis:us-east-1:000000000000:stream/theirs' },
    copied: { schema: Item },
  },
  transforms: { copying: { from: 'raw', apply: copying, to: 'copied' } },
});

describe('records that a step cannot process', () => {
  test.each([
    { whose: 'of an own stream', of: pipeline },
    { whose: 'of a stream with unknown retention', of: foreign },
  ])(
    'become dead letters of the step itself four hours before the stream trims them, and no earlier: $whose',
    async ({ of }) => {
      const world = await startWorld({
        pipelines: [of],
        recordBytes: undefined,
        pollMillis: 60_000,
        seed: 1,
        startMillis: Date.parse('2026-01-01T00:00:00Z'),
      });
      const copies = world.steps.find(({ name }) => name === 'copying');
      const letters = () => numbersOf(deadLettersOf(world, copies as StepPlan));
      const stream = of === foreign ? 'theirs' : world.stage.names.stream('shop', 'raw');
      await putInto(world, stream, [1]);
      await settle(world, HOUR);
      // The appends hang until the invocation's time is over.
      const up = world.faults.add({ site: 'copying kinesis.PutRecords', kind: 'request lost', times: 1e9 });
      await putInto(world, stream, [2, 3]);
      await world.clock.advance(19 * HOUR);
      await putInto(world, stream, [4]);
      await world.clock.advance(0.9 * HOUR);
      expect(letters()).toEqual([]);
      await world.clock.advance(HOUR);
      expect(letters()).toEqual([2, 3]);
      expect(documents(world)).toBe(0);
      up();
      await settle(world, HOUR);
      await putInto(world, stream, [5]);
      await settle(world, HOUR);
      expect(copied(world)).toEqual([1, 4, 5]);
      expect(letters()).toEqual([2, 3]);
    },
  );

  test('are no dead letters when the step is new, starts at the earliest event, and works', async () => {
    const world = await startWorld({
      pipelines: [pipeline],
      recordBytes: undefined,
      pollMillis: 60_000,
      seed: 1,
      startMillis: Date.parse('2026-01-01T00:00:00Z'),
    });
    const named = (name: string): StepPlan => world.steps.find((step) => step.name === name) as StepPlan;
    const mapping = world.feeders.mappings.get(named('copying'));
    await world.clock.runUntil(mapping?.update({ Enabled: false }) ?? Promise.reject(new Error('no mapping')));
    await put(world, [1]);
    await world.clock.advance(23 * HOUR);
    await put(world, [2]);
    await world.clock.advance(0.9 * HOUR);
    await world.clock.runUntil(mapping?.update({ Enabled: true }) ?? Promise.resolve());
    await settle(world, HOUR);
    expect(copied(world)).toEqual([1, 2]);
    expect(deadLettersOf(world, named('copying'))).toEqual([]);
    expect(documents(world)).toBe(0);
  });
});
