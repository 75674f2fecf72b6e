import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { MOST_FOREIGN_SOURCES } from '../../functions/runtime/checkpoints/foreign-marks.ts';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { rewindStep } from '../../infra/operation/control/rewind.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import type { TransformPlan } from '../../infra/pipelines/plan.ts';
import { faultKinds } from '../kit/faults.ts';
import { givenPipeline } from '../kit/given.ts';
import { operate } from '../kit/operator.ts';
import { settle } from '../kit/settle.ts';
import { bucketView, streamView } from '../kit/views.ts';
import { startWorld, type World } from '../kit/world.ts';

const Item = z.object({ name: z.string(), number: z.number() });
const copying = defineTransform({ entry: import.meta.url, from: Item, to: Item, apply: (event) => [event] });

const shop = definePipeline({
  name: 'shop',
  streams: { raw: { schema: Item, shards: 2, idempotent: true }, copied: { schema: Item } },
  sources: { posts: { read: httpSource({ schema: Item, type: 'item.sent', key: 'name' }), to: 'raw' } },
  transforms: { copying: { from: 'raw', apply: copying, to: 'copied' } },
  sinks: {
    items: { from: 'raw', write: postgresSink({ table: 'items' }) },
    ledger: { from: 'raw', write: postgresSink({ table: 'ledger' }), every: minutes(5) },
    lake: { from: 'raw', write: s3Sink({ prefix: 'raw' }), every: minutes(5) },
  },
});

const { signal } = new AbortController();
const HOUR = 3_600_000;

interface Sent {
  readonly source: string;
  readonly sequence: string;
  readonly name: string;
  readonly number: number;
}

async function start(seed: number): Promise<World> {
  const options = { seed, startMillis: Date.parse('2026-01-01T00:00:00Z') };
  return await startWorld({ pipelines: [shop], recordBytes: undefined, pollMillis: undefined, ...options });
}

/** Appends events as another team's producer does. */
function send(world: World, events: readonly Sent[]): Promise<unknown> {
  const stream = world.stage.names.stream('shop', 'raw');
  return operate(world, ({ clients: { kinesis } }) =>
    openLogWriter({ kinesis, stream }).append(
      events.map(({ source, sequence, name, number }) => ({
        id: `${source}-${sequence}`,
        source,
        sequence,
        type: 'item.sent',
        time: '2026-01-01T00:00:00Z',
        key: name,
        traceparent: undefined,
        dataBytes: Buffer.from(JSON.stringify({ name, number })),
      })),
      signal,
    ),
  );
}

const sentBy = (source: string, from: number, to: number): Sent[] =>
  Array.from({ length: to - from }, (_, index) => ({
    source,
    sequence: String(from + index),
    name: `${source}-${(from + index) % 3}`,
    number: from + index,
  }));

const textOf = ({ name, number }: { readonly name: string; readonly number: number }): string => `${name} ${number}`;
const tableOf = (world: World, table: 'items' | 'ledger' = 'items'): string[] =>
  world.stage.tables.rows(table).map((row) => textOf(row as { name: string; number: number }));
const copiedOf = (world: World): string[] =>
  streamView(world, world.stage.names.stream('shop', 'copied'), ['/shop/copying/'])
    .data()
    .map((data) => textOf(data as { name: string; number: number }));
const lakeOf = (world: World): string[] =>
  bucketView(world, world.stage.names.lake)
    .rows()
    .map((event) => textOf((event as { data: { name: string; number: number } }).data));

function expectOnce(world: World, sent: readonly Sent[]): void {
  const expected = sent.map(textOf).sort();
  expect(tableOf(world).sort()).toEqual(expected);
  expect(tableOf(world, 'ledger').sort()).toEqual(expected);
  expect(copiedOf(world).sort()).toEqual(expected);
  expect(lakeOf(world).sort()).toEqual(expected);
}

describe('a stream that is idempotent', () => {
  test('drops what a producer sends again, in every kind of reader, and compares sequences as numbers', async () => {
    const world = await start(1);
    const [a, b] = [sentBy('till-a', 8, 12), sentBy('till-b', 1, 4)];
    await send(world, [...a, ...b]);
    await send(world, a);
    await settle(world, HOUR);
    await send(world, [...b, ...a.slice(2), ...sentBy('till-a', 12, 14)]);
    await settle(world, HOUR);
    expectOnce(world, [...a, ...b, ...sentBy('till-a', 12, 14)]);
  });

  test('does not deduplicate events whose sequence is not a whole number', async () => {
    const world = await start(1);
    const odd = [{ source: 'till', sequence: 'a-1', name: 'x', number: 1 }];
    await send(world, odd);
    await send(world, odd);
    await settle(world, HOUR);
    expectOnce(world, [...odd, ...odd]);
  });

  test('drops CloudEvents that are posted again, and no other events', async () => {
    const run = await givenPipeline(shop);
    const event = (sequence: string, number: number) => ({
      specversion: '1.0',
      id: `i${sequence}`,
      source: '/tills/7',
      type: 'item.sent',
      sequence,
      data: { name: 'x', number },
    });
    const post = (body: unknown) => run.posted('posts', body, { contentType: 'application/cloudevents-batch+json' });
    for (const body of [[event('9', 9), event('10', 10)], [event('9', 9), event('10', 10)], [event('11', 11)]])
      expect((await post(body)).status).toBe(202);
    await run.posted('posts', { name: 'y', number: 1 });
    await run.posted('posts', { name: 'y', number: 1 });
    await run.settled();
    expect(
      run
        .table('items')
        .map(({ number }) => Number(number))
        .sort((a, b) => a - b),
    ).toEqual([1, 1, 9, 10, 11]);
  });

  test('gives a rewound step every event again, once, and drops duplicates afterwards', async () => {
    const world = await start(3);
    const sent = sentBy('till', 1, 8);
    for (const some of [sent.slice(0, 4), sent.slice(0, 4), sent.slice(4)]) {
      await send(world, some);
      await settle(world, HOUR);
    }
    const step = world.steps.find(({ name }) => name === 'copying') as TransformPlan;
    const request = { to: 'earliest', said: 'earliest' } as const;
    const onProgress = () => undefined;
    expect(await operate(world, (target) => rewindStep(step, target, { request, onProgress, signal }))).toBe(true);
    await settle(world, HOUR);
    await send(world, sent.slice(2));
    await settle(world, HOUR);
    expect(copiedOf(world).sort()).toEqual([...sent, ...sent].map(textOf).sort());
  });

  test('is read on by a sink whose database was restored: its marks are those of the restored rows', async () => {
    const world = await start(4);
    const sent = sentBy('till', 1, 9);
    await send(world, sent.slice(0, 4));
    await settle(world, HOUR);
    const restore = world.stage.tables.backUp();
    for (const some of [sent.slice(2, 6), sent.slice(4, 8)]) {
      await send(world, some);
      await settle(world, HOUR);
    }
    restore();
    for (const step of world.steps) world.functions.kill(step);
    // Something new arrives in every shard. A continuous sink reads what its rows lack before that.
    const newer = sentBy('newer', 0, 12);
    await send(world, [...sent.slice(6), ...newer]);
    await settle(world, HOUR);
    for (const table of ['items', 'ledger'] as const)
      expect(tableOf(world, table).sort()).toEqual([...sent, ...newer].map(textOf).sort());
  });

  test.each([2, 3])('counts once in a sink whose database is restored while calls fail (seed %i)', async (seed) => {
    const world = await start(seed);
    world.faults.addRandom({ most: 8, probability: 0.05, kinds: faultKinds, random: world.randomOf('faults') });
    const sent: Sent[] = [];
    let restore = world.stage.tables.backUp();
    for (let round = 0; round < 6; round++) {
      const some = ['a', 'b', 'c'].flatMap((till) => sentBy(`till-${till}`, 5 * round, 5 * round + 5));
      await send(world, some);
      sent.push(...some);
      if (round === seed % 3) restore = world.stage.tables.backUp();
      await settle(world, 3 * HOUR);
      await send(world, some.slice(seed));
      if (round === 4) restore();
      if (seed % 2 === 0) for (const step of world.steps) world.functions.kill(step);
    }
    await settle(world, 3 * HOUR);
    expect(tableOf(world, 'ledger').sort()).toEqual(sent.map(textOf).sort());
  });

  test('keeps each event once while calls fail and its shards are split and merged', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const world = await start(seed);
      world.faults.addRandom({ most: 12, probability: 0.1, kinds: faultKinds, random: world.randomOf('faults') });
      const sent: Sent[] = [];
      for (let round = 0; round < 6; round++) {
        const some = ['a', 'b', 'c'].flatMap((till) => sentBy(`till-${till}`, 5 * round, 5 * round + 5));
        // A lost reply: the producer sends everything again before anything later, and then a part of it.
        await send(world, some);
        await send(world, some.slice(seed % 7));
        sent.push(...some);
        if (round === 2 || round === 4) await reshard(world, round === 2 ? 4 : 2);
        await send(world, some.slice(-4));
        await world.clock.advance(20_000);
      }
      await settle(world, 3 * HOUR);
      try {
        expectOnce(world, sent);
      } catch (error) {
        (error as Error).message += `\n\nseed ${seed}\n${world.story.lines().join('\n')}`;
        throw error;
      }
    }
  });

  test('remembers the sources that sent most recently, and writes no pages for the others', async () => {
    const world = await start(1);
    const old = Array.from({ length: MOST_FOREIGN_SOURCES }, (_, till) => sentBy(`till-${till}`, 1, 2)).flat();
    await send(world, old);
    await settle(world, HOUR);
    await world.clock.advance(60_000);
    const newer = Array.from({ length: 500 }, (_, till) => sentBy(`newer-${till}`, 1, 2)).flat();
    await send(world, newer);
    await settle(world, HOUR);
    const pages = (): string[] =>
      world.stage.dynamodb
        .items(world.stage.names.checkpoints)
        .filter(({ step, key }) => step?.S === 'shop/copying' && key?.S?.startsWith('marks/'))
        .map(({ key, revision }) => `${key?.S} ${revision?.N}`);
    const before = pages();
    const counts = (): string[] => copiedOf(world).sort();
    await send(world, newer.slice(0, 1));
    await settle(world, HOUR);
    expect(counts()).toEqual([...old, ...newer].map(textOf).sort());
    expect(pages()).toEqual(before);
    await send(world, sentBy('newer-0', 2, 3));
    await settle(world, HOUR);
    expect(pages().filter((page) => !before.includes(page))).toHaveLength(1);
  });
});

async function reshard(world: World, shards: number): Promise<void> {
  world.stage.streams.log.updateShardCount({
    StreamName: world.stage.names.stream('shop', 'raw'),
    TargetShardCount: shards,
    ScalingType: 'UNIFORM_SCALING',
  });
  await world.clock.advance(1_000);
}
