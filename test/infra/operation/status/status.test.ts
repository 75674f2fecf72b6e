import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { s3Sink } from '../../../../functions/sinks/s3/s3.ts';
import { definePipeline, hours, minutes } from '../../../../infra/pipelines/pipeline.ts';
import { sensors } from '../../../../infra/pipelines/sensors.ts';
import { startPipelineRun } from '../../../kit/pipeline-run.ts';

const Count = z.object({ count: z.number() });

const pass = defineTransform({
  entry: import.meta.url,
  from: Count,
  to: Count,
  apply: ({ data }) => [{ type: 'count.passed', data }],
});

const counting = definePipeline({
  name: 'counting',
  streams: { raw: { schema: Count }, clean: { schema: Count } },
  transforms: { cleaning: { from: 'raw', apply: pass, to: 'clean' } },
});

const archiving = definePipeline({
  name: 'archiving',
  streams: { raw: { schema: Count } },
  sinks: { lake: { from: 'raw', write: s3Sink({ prefix: 'raw' }), every: minutes(10), start: 'latest' } },
});

const START = Date.parse('2026-01-01T00:00:00Z');
const counts = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => ({ count: from + index }));

describe('a step', () => {
  test('that has done all there is, is idle at the record it did last', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', counts(0, 5));
    await run.settled();
    const [{ sequenceNumber } = { sequenceNumber: '' }] = run.positions('cleaning');
    const [standing] = await run.status('cleaning');
    expect(standing).toMatchObject({
      pipeline: 'counting',
      step: 'cleaning',
      shard: 'shardId-000000000000',
      state: 'idle',
      recordsBehind: 0,
      lagMillis: 0,
      deadLetters: 0,
      position: { sequenceNumber },
    });
    const [arrived, moved] = [standing?.position?.time, standing?.lastProgress].map((time) => Date.parse(time ?? ''));
    expect(arrived).toBeGreaterThanOrEqual(START);
    expect(moved).toBeGreaterThan(arrived ?? 0);
  });

  test('that fails is running at first, and behind when what waits has waited for long', async () => {
    const run = await startPipelineRun(counting);
    run.when.fails('cleaning kinesis.PutRecords', 'request lost', { times: 10_000 });
    await run.given('raw', counts(0, 3));
    await run.when.pass(minutes(0.5));
    expect(await run.status('cleaning')).toMatchObject([{ state: 'running', recordsBehind: 1 }]);
    await run.when.pass(minutes(5));
    const [standing] = await run.status('cleaning');
    expect(standing).toMatchObject({ state: 'behind', recordsBehind: 1 });
    expect(standing?.lagMillis).toBeGreaterThan(minutes(5));
    expect(standing?.lastProgress).toBeUndefined();
  });

  test('that was moved and has not caught up is rewinding, and says so until it has', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', counts(0, 5));
    await run.settled();
    // The only call dies when it sends the first events again.
    run.when.fails('cleaning kinesis.PutRecords', 'killed before');
    expect(await run.when.rewound('cleaning', 'earliest', { pulls: 1 })).toBe(false);
    const [standing] = await run.status('cleaning');
    expect(standing).toMatchObject({
      state: 'rewinding',
      note: expect.stringContaining('when the same millrace positions is run again'),
    });
    expect(await run.when.rewound('cleaning', 'earliest')).toBe(true);
    expect(await run.status('cleaning')).toMatchObject([{ state: 'idle', recordsBehind: 0 }]);
  });

  test('on a schedule is not behind between two of its runs', async () => {
    const run = await startPipelineRun(archiving);
    await run.when.pass(minutes(11));
    await run.given('raw', counts(0, 3));
    await run.when.pass(minutes(8));
    expect(await run.status('lake')).toMatchObject([{ state: 'running', recordsBehind: 1 }]);
  });

  test("that starts at 'latest' has nothing behind before its first run has fixed where that is", async () => {
    const run = await startPipelineRun(archiving);
    run.when.fails('lake', 'request lost', { times: 10_000 });
    await run.given('raw', counts(0, 3));
    await run.when.pass(minutes(1));
    const [standing] = await run.status('lake');
    expect(standing).toMatchObject({ state: 'idle', note: expect.stringContaining("'latest'") });
    expect(standing?.recordsBehind).toBeUndefined();
  });

  test('that is paused says until when what waits is kept for it', async () => {
    const run = await startPipelineRun(counting);
    expect(await run.when.paused('cleaning')).toEqual([]);
    expect(await run.status('cleaning')).toMatchObject([{ state: 'paused', recordsBehind: 0 }]);
    await run.given('raw', counts(0, 3));
    await run.when.pass(hours(1));
    const [standing] = await run.status('cleaning');
    expect(standing).toMatchObject({ state: 'paused', recordsBehind: 1 });
    expect(standing?.note).toMatch(/^resume it before 2026-01-01T20:00:\d\d\.\d{3}Z: /);
    expect(await run.when.rewound('cleaning', 'earliest')).toBe(false);
    const [moved] = await run.status('cleaning');
    expect(moved?.state).toBe('paused');
    expect(moved?.note).toMatch(/^it was moved, and goes there when it is resumed; resume it before 2026-01-01T20:00/);
  });

  test('has ended in the shards that were split, when all of them is done', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', counts(0, 3));
    await run.settled();
    await run.when.reshard('raw', 2);
    await run.when.pass(minutes(1));
    const states = (await run.status('cleaning')).map(({ shard, state }) => `${shard?.at(-1)} ${state}`);
    expect(states).toEqual(['0 ended', '1 idle', '2 idle']);
  });

  test('has its dead letters in the shard that they were in', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', [{ count: 1 }, { count: 'many' } as never]);
    await run.settled();
    expect(await run.status('cleaning')).toMatchObject([{ deadLetters: 1 }]);
  });

  test('that keeps its positions in a database that does not answer is unknown, and the reason is said', async () => {
    const run = await startPipelineRun(sensors);
    const standings = await run.status('readings');
    expect(standings).toHaveLength(2);
    for (const standing of standings)
      expect(standing).toMatchObject({
        state: 'unknown',
        note: expect.stringContaining('its positions are in a database'),
      });
  });

  test('that answers requests is running or paused', async () => {
    const run = await startPipelineRun(sensors);
    expect(await run.status('devices')).toMatchObject([{ delivery: 'request', state: 'running' }]);
    await run.when.paused('devices');
    expect(await run.status('devices')).toMatchObject([{ state: 'paused' }]);
  });
});
