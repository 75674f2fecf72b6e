import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { listLetters, originalBytes } from '../../infra/operation/dead-letters/dead-letters.ts';
import { type Redriven, redriveLetters } from '../../infra/operation/dead-letters/redrive.ts';
import type { Target } from '../../infra/operation/target.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import type { TransformPlan } from '../../infra/pipelines/plan.ts';
import { openCalls } from '../kit/calls.ts';
import { type FaultKind, type Faults, openFaults } from '../kit/faults.ts';
import { operate, targetOf } from '../kit/operator.ts';
import { settle } from '../kit/settle.ts';
import { startProcess } from '../kit/simulated-process.ts';
import { sendFrom } from '../kit/steps.ts';
import { deadLettersOf, streamView } from '../kit/views.ts';
import { startWorld, type World } from '../kit/world.ts';

const Item = z.object({ name: z.string(), number: z.number() });

/** Rejects odd numbers, until it is repaired. */
const passing = defineTransform({
  entry: import.meta.url,
  from: Item,
  to: Item,
  apply: (event) => {
    if (event.data.number % 2 === 1) throw new Error('an odd number');
    return [{ type: 'item.passed', key: event.key, time: event.time, data: event.data }];
  },
});
const copying = defineTransform({ entry: import.meta.url, from: Item, to: Item, apply: (event) => [event] });

const pipeline = definePipeline({
  name: 'shop',
  streams: { raw: { schema: Item, shards: 2 }, passed: { schema: Item, shards: 2 }, copied: { schema: Item } },
  transforms: {
    passing: { from: 'raw', apply: passing, to: 'passed' },
    copying: { from: 'raw', apply: copying, to: 'copied' },
  },
});

const NUMBERS = [0, 1, 2, 3, 4, 5];
const { signal } = new AbortController();

/**
 * Runs a pipeline on six events with six keys. Three of them become dead letters of one step, and all pass through the
 * other. Then repairs the first step.
 */
async function afterRejections(seed: number): Promise<{ world: World; step: TransformPlan }> {
  const options = { seed, startMillis: Date.parse('2026-01-01T00:00:00Z') };
  const world = await startWorld({ pipelines: [pipeline], recordBytes: undefined, pollMillis: undefined, ...options });
  const step = world.steps.find(({ name }) => name === 'passing') as TransformPlan;
  await operate(world, async ({ clients }) => {
    for (const number of NUMBERS) {
      const Data = Buffer.from(bytesOf(number));
      const StreamName = world.stage.names.stream('shop', 'raw');
      await clients.kinesis.send(new PutRecordCommand({ StreamName, Data, PartitionKey: `key-${number}` }));
    }
  });
  await settle(world, 3_600_000);
  repair(world, step);
  return { world, step };
}

/** Writes JSON as another team's producer might: not a CloudEvent, and on several lines. */
function bytesOf(number: number): string {
  return `{\n  "name": "number ${number}",\n  "number": ${number}\n}`;
}

function repair(world: World, step: TransformPlan): void {
  world.stage.changes.set(step, 1);
  world.transforms.set(step, copying);
  world.functions.kill(step);
}

async function redriveAll(target: Target, step: TransformPlan, nowMillis: () => number): Promise<Redriven> {
  const letters = await Array.fromAsync(listLetters(target, { pipeline: 'shop', step: step.name }, signal));
  return redriveLetters(step, target, { letters, onProgress: () => undefined, nowMillis, signal });
}

/** Runs a redrive in a process of its own whose calls may fail. */
function faultyRun(world: World, step: TransformPlan, faults: Faults): Promise<Redriven> {
  const calls = openCalls({
    faults,
    overtake: () => undefined,
    onFault: (_, { call, kind }) => world.story.tell(`operator ${call}: ${kind}`),
  });
  const process = startProcess({
    step: 'operator',
    clock: world.clock,
    random: world.randomOf(`operator ${++runs}`),
    send: (self, call) => sendFrom({ stage: world.stage, calls }, self, call),
  });
  return process.invocation(() => redriveAll(targetOf(world, process), step, world.clock.now));
}
let runs = 0;

/** Repeats the redrive, as an operator would, until one comes to its end. */
async function redriveUntilDone(world: World, step: TransformPlan, faults: Faults): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const ended = await world.clock.runUntil(
      faultyRun(world, step, faults).then(
        () => true,
        () => false,
      ),
    );
    if (ended) return;
  }
  throw new Error('no redrive came to its end');
}

const numbersIn = (world: World, stream: string, writer: string): number[] =>
  streamView(world, world.stage.names.stream('shop', stream), [`/shop/${writer}/`])
    .data()
    .map((data) => (data as { number: number }).number)
    .sort();

const keysBelow = (world: World, prefix: string): string[] =>
  world.stage.s3
    .objects(world.stage.names.deadLetters)
    .map(({ key }) => key)
    .filter((key) => key.startsWith(prefix));

function expectAllOnce(world: World): void {
  expect(numbersIn(world, 'passed', 'passing')).toEqual(NUMBERS);
  expect(numbersIn(world, 'copied', 'copying')).toEqual(NUMBERS);
  expect(keysBelow(world, 'dead-letters/')).toEqual([]);
  expect(keysBelow(world, 'redriven/')).toHaveLength(3);
}

describe('redriven dead letters', () => {
  test('keep the original bytes of a record that was not a CloudEvent', async () => {
    const { world, step } = await afterRejections(1);
    const bytes = deadLettersOf(world, step).map((letter) => originalBytes(letter).toString());
    expect(bytes.sort()).toEqual([1, 3, 5].map(bytesOf));
  });

  test('reach their step once, with the same key, time and data, and no other reader of the stream', async () => {
    const { world, step } = await afterRejections(1);
    const before = new Map(deadLettersOf(world, step).map(({ event }) => [event?.key, event?.time]));
    const done = await operate(world, (target) => redriveAll(target, step, world.clock.now));
    expect(done).toEqual({ appended: 3, fromBefore: 0, settledBefore: 0, refused: [] });
    await settle(world, 3_600_000);
    expectAllOnce(world);
    const passed = streamView(world, world.stage.names.stream('shop', 'passed'), ['/shop/passing/']).events();
    const odd = passed.filter(({ data }) => (data as { number: number }).number % 2 === 1);
    expect(new Map(odd.map(({ key, time }) => [key, time]))).toEqual(before);
    expect(new Set(odd.map(({ redrivenFor }) => redrivenFor))).toEqual(new Set([undefined]));
  });

  test('become dead letters again when their step rejects them again, and can be redriven again', async () => {
    const { world, step } = await afterRejections(1);
    world.transforms.set(step, passing);
    world.functions.kill(step);
    await operate(world, (target) => redriveAll(target, step, world.clock.now));
    await settle(world, 3_600_000);
    expect(deadLettersOf(world, step)).toHaveLength(3);
    repair(world, step);
    await operate(world, (target) => redriveAll(target, step, world.clock.now));
    await settle(world, 3_600_000);
    expect(numbersIn(world, 'passed', 'passing')).toEqual(NUMBERS);
    expect(numbersIn(world, 'copied', 'copying')).toEqual(NUMBERS);
    expect(deadLettersOf(world, step)).toEqual([]);
  });

  test('are not redriven again when their step stores them again because it retried its batch', async () => {
    const { world, step } = await afterRejections(1);
    const stored = world.stage.s3.objects(world.stage.names.deadLetters);
    await operate(world, (target) => redriveAll(target, step, world.clock.now));
    for (const { key, bytes } of stored)
      await world.stage.s3.call(new PutObjectCommand({ Bucket: world.stage.names.deadLetters, Key: key, Body: bytes }));
    const again = await operate(world, (target) => redriveAll(target, step, world.clock.now));
    expect(again).toMatchObject({ appended: 0, settledBefore: 3 });
    await settle(world, 3_600_000);
    expectAllOnce(world);
  });

  test('are redriven once by two operators at once', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, step } = await afterRejections(seed);
      const both = [faultyRun(world, step, openFaults()), faultyRun(world, step, openFaults())];
      const ends = await world.clock.runUntil(Promise.allSettled(both));
      expect(ends.map(({ status }) => status)).toContain('fulfilled');
      await redriveUntilDone(world, step, openFaults());
      await settle(world, 3_600_000);
      expectAllOnce(world);
    }
  });

  test('are not duplicated when the stream is split in the middle of a redrive', async () => {
    const { world, step } = await afterRejections(2);
    const faults = openFaults();
    faults.add({ site: 'operator dynamodb.UpdateItem', kind: 'killed before', after: 1 });
    await world.clock.runUntil(faultyRun(world, step, faults).catch(() => undefined));
    await settle(world, 3_600_000);
    world.stage.streams.log.updateShardCount({
      StreamName: world.stage.names.stream('shop', 'raw'),
      TargetShardCount: 4,
      ScalingType: 'UNIFORM_SCALING',
    });
    await world.clock.advance(1_000);
    await redriveUntilDone(world, step, openFaults());
    await settle(world, 3_600_000);
    expectAllOnce(world);
  });
});

const KINDS: readonly FaultKind[] = [
  ...['request lost', 'reply lost', 'late'],
  ...['killed before', 'killed in between', 'killed after'],
] as readonly FaultKind[];

describe('whatever call of a redrive fails, and wherever the command is killed', () => {
  test('each dead letter is appended once, for its step alone, and none is left on the list', async () => {
    const { world, step } = await afterRejections(1);
    const calm = openFaults();
    await world.clock.runUntil(faultyRun(world, step, calm));
    const sites = [...calm.calls()].map(([site, count]) => ({ site, count }));
    expect(sites.map(({ site }) => site.replace('operator ', '')).sort()).toEqual([
      'dynamodb.GetItem redrive of another step',
      'dynamodb.UpdateItem redrive of another step',
      'kinesis.DescribeStreamSummary',
      'kinesis.ListShards',
      'kinesis.PutRecords',
      's3.DeleteObject dead letters',
      's3.GetObject dead letters',
      's3.ListObjectsV2 dead letters',
      's3.PutObject dead letters',
    ]);
    let seed = 1;
    let happened = 0;
    for (const { site, count } of sites) {
      for (const kind of KINDS) {
        for (const after of new Set([0, Math.floor(count / 2), count - 1])) {
          const { world: one, step: at } = await afterRejections(seed++);
          const faults = openFaults();
          faults.add({ site, kind, after });
          await redriveUntilDone(one, at, faults);
          await settle(one, 3_600_000);
          happened += faults.happened().length;
          try {
            expectAllOnce(one);
          } catch (error) {
            (error as Error).message += `\n\nseed ${seed - 1}, ${site}, ${kind}, after ${after}`;
            throw error;
          }
        }
      }
    }
    expect(happened).toBeGreaterThan(sites.length * KINDS.length);
  });
});
