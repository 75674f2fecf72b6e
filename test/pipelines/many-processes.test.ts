import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { encodeOrdered } from '../../functions/runtime/position.ts';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { faultKinds } from '../kit/faults.ts';
import { operate } from '../kit/operator.ts';
import { settle } from '../kit/settle.ts';
import { bucketView, streamView } from '../kit/views.ts';
import { startWorld, type World, type WorldOptions } from '../kit/world.ts';

const Item = z.object({ n: z.int32() });
const copying = defineTransform({ entry: import.meta.url, from: Item, to: Item, apply: (event) => [event] });

const shop = definePipeline({
  name: 'shop',
  streams: { raw: { schema: Item, shards: 2 }, copied: { schema: Item } },
  sources: { posts: { read: httpSource({ schema: Item, type: 'item.sent', key: 'n' }), to: 'raw' } },
  transforms: { copying: { from: 'raw', apply: copying, to: 'copied' } },
  sinks: {
    items: { from: 'raw', write: postgresSink({ table: 'items' }) },
    lake: { from: 'raw', write: s3Sink({ prefix: 'raw' }), every: minutes(5) },
  },
});

const { signal } = new AbortController();
const HOUR = 3_600_000;

interface Sent {
  readonly n: number;
  readonly process: string;
}

const start = (options: Pick<WorldOptions, 'seed' | 'markLimits'>): Promise<World> =>
  startWorld({
    pipelines: [shop],
    recordBytes: undefined,
    pollMillis: undefined,
    startMillis: Date.parse('2026-01-01T00:00:00Z'),
    ...options,
  });

/** Appends events as processes of the HTTP source do, one event for each process. */
function send(world: World, events: readonly Sent[]): Promise<unknown> {
  return operate(world, ({ clients: { kinesis } }) =>
    openLogWriter({ kinesis, stream: world.stage.names.stream('shop', 'raw') }).append(
      events.map(({ n, process }) => ({
        id: String(n),
        source: `/shop/posts/process/${process}`,
        sequence: encodeOrdered(0, 8),
        type: 'item.sent',
        time: '2026-01-01T00:00:00Z',
        key: String(n),
        traceparent: undefined,
        dataBytes: Buffer.from(JSON.stringify({ n })),
      })),
      signal,
    ),
  );
}

async function reshard(world: World, shards: number): Promise<void> {
  const change = { TargetShardCount: shards, ScalingType: 'UNIFORM_SCALING' as const };
  world.stage.streams.log.updateShardCount({ StreamName: world.stage.names.stream('shop', 'raw'), ...change });
  await world.clock.advance(1_000);
}

const sentBy = (from: number, count: number): Sent[] =>
  Array.from({ length: count }, (_, index) => ({ n: from + index, process: randomUUID() }));

/** Expects every number below `count` once in the table, in the lake, and in the transform's stream. */
function expectOnce(world: World, count: number): void {
  const { tables, names } = world.stage;
  const inTable = tables.rows('items').map((row) => Number(row.n));
  const inLake = bucketView(world, names.lake)
    .rows()
    .map((event) => (event as { data: { n: number } }).data.n);
  const copied = streamView(world, names.stream('shop', 'copied'), ['/shop/copying/'])
    .data()
    .map((data) => (data as { n: number }).n);
  for (const found of [inTable, inLake, copied]) {
    expect(found).toHaveLength(count);
    expect(new Set(found).size).toBe(count);
  }
}

const states = ({ stage }: World): number[] =>
  stage.dynamodb
    .items(stage.names.checkpoints)
    .filter(({ key }) => /^[\w-]{12}\/shardId/.test(key?.S ?? ''))
    .map(({ state }) => (state?.S ?? '').length);

test('20,000 processes of an http source within 15 minutes stop no step, and each of their events counts once', async () => {
  const world = await start({ seed: 1 });
  const sent: Sent[] = [];
  for (let minute = 0; minute < 10; minute++) {
    const some = sentBy(2_000 * minute, 2_000);
    await send(world, some);
    sent.push(...some);
    await world.clock.advance(60_000);
    if (minute === 4) await reshard(world, 4);
    if (minute === 7) await reshard(world, 2);
  }
  // Requests whose answers were lost are sent again.
  await send(
    world,
    sent.filter(({ n }) => n % 4 === 0),
  );
  await settle(world, 3 * HOUR);
  expectOnce(world, sent.length);
  expect(Math.max(...states(world))).toBeLessThan(80 * 1_024);
});

test.each([1, 2, 3, 4, 5, 6])(
  'marks in pages drop every duplicate while calls fail and shards are split and merged (seed %i)',
  async (seed) => {
    const world = await start({ seed, markLimits: { stateBytes: 500, runBytes: 400 } });
    world.faults.addRandom({ most: 25, probability: 0.1, kinds: faultKinds, random: world.randomOf('faults') });
    const sent: Sent[] = [];
    for (let round = 0; round < 8; round++) {
      const some = sentBy(12 * round, 12);
      await send(world, [...some, ...some.slice(seed)]);
      sent.push(...some);
      if (round === 2 || round === 5) await reshard(world, round === 2 ? 4 : 2);
      if (round === 3) world.functions.kill(world.steps[1 + (seed % 3)] as World['steps'][number]);
      await world.clock.advance(15_000);
      await send(world, sent.slice(-30));
    }
    await settle(world, 3 * HOUR);
    await send(world, sent.slice(-60));
    await settle(world, 3 * HOUR);
    try {
      expectOnce(world, sent.length);
    } catch (error) {
      (error as Error).message += `\n\n${world.story.lines().join('\n')}`;
      throw error;
    }
  },
);
