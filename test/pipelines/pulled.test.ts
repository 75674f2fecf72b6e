import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { generatorDefinition, generatorSource } from '../../functions/sources/generator/generator.ts';
import { eventMaker } from '../../functions/sources/generator/make-event.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const Reading = z.object({ sensor: z.string(), value: z.int().min(0).max(1_000_000) });

const COUNT = 240;
const read = generatorSource({
  schema: Reading,
  type: 'value.read',
  key: 'sensor',
  perSecond: 4,
  count: COUNT,
  keys: 9,
});

/** The shortest transform: it shows what a reader of the source's stream takes. */
const passed = defineTransform({
  entry: import.meta.url,
  from: Reading,
  to: Reading,
  apply: ({ data }) => [{ type: 'value.passed', data }],
});

const readings = definePipeline({
  name: 'readings',
  streams: { raw: { schema: Reading, shards: 2 }, clean: { schema: Reading } },
  sources: { sensors: { read, to: 'raw' } },
  transforms: { passing: { from: 'raw', apply: passed, to: 'clean' } },
  sinks: { history: { from: 'clean', write: postgresSink({ table: 'history', create: true }) } },
});

/** What the generator makes, whatever happens to it. */
function expected() {
  const make = eventMaker(generatorDefinition.options.parse(read.options) as never);
  return Array.from({ length: COUNT }, (_, number) =>
    JSON.parse(Buffer.from(make(number, new Date(0)).dataBytes).toString()),
  );
}

describe('a pulled source in a pipeline', () => {
  test.each([1, 2, 3, 5])('counts each of its events once, whatever fails (seed %i)', async (seed) => {
    const run = await givenPipeline(readings, { seed });
    run.when.anythingFails({ most: 25, probability: 0.15 });
    await run.when.pass(minutes(1));
    await run.when.reshard('raw', seed % 2 === 0 ? 1 : 4);
    run.when.killed('sensors');
    await run.settled();
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder(expected()));
    expect(run.faults().length).toBeGreaterThan(0);
  });

  test('duplicates nothing when changed code is deployed in a pause', async () => {
    const run = await givenPipeline(readings, { seed: 11 });
    await run.when.pass(minutes(1));
    await run.when.paused('sensors');
    const [status] = await run.status('sensors');
    expect(status).toMatchObject({ state: 'paused', delivery: 'pulled' });
    const atRest = run.table('history').length;
    await run.when.pass(minutes(5));
    expect(run.table('history').length - atRest).toBeLessThan(10);
    run.when.deployed('sensors');
    await run.when.resumed('sensors');
    await run.settled();
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder(expected()));
  });

  test('shows in its status that a run reads it', async () => {
    const run = await givenPipeline(readings, { seed: 12 });
    await run.when.pass(minutes(1) + 5_000);
    expect(await run.status('sensors')).toMatchObject([{ state: 'running' }]);
    await run.settled();
    const [status] = await run.status('sensors');
    expect(status?.state).toMatch(/^(idle|running)$/);
    expect(status?.lastProgress).toBeDefined();
  });
});
