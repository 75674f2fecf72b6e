import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../../../functions/runtime/table.ts';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { tumbling } from '../../../../functions/runtime/windows.ts';
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

const hourly = defineTable({
  entry: import.meta.url,
  from: Count,
  row: Count,
  key: ['count'],
  window: tumbling({ size: hours(1), grace: 0 }),
  reduce: (row) => row,
});

const timing = definePipeline({
  name: 'timing',
  streams: { raw: { schema: Count, shards: 2 }, clean: { schema: Count, shards: 2 } },
  transforms: { cleaning: { from: 'raw', apply: pass, to: 'clean' } },
  tables: { hours: { from: 'clean', keep: hourly } },
  sinks: { lake: { from: 'clean', write: s3Sink({ prefix: 'clean' }), every: minutes(10) } },
});

const START = Date.parse('2026-01-01T00:00:00Z');
const counts = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => ({ count: from + index }));

describe('the status of a step', () => {
  test('is idle, at its last record, when there is nothing to read', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', counts(0, 5));
    await run.settled();
    const [{ sequenceNumber } = { sequenceNumber: '' }] = run.positions('cleaning');
    const [status] = await run.status('cleaning');
    expect(status).toMatchObject({
      pipeline: 'counting',
      step: 'cleaning',
      shard: 'shardId-000000000000',
      state: 'idle',
      recordsBehind: 0,
      lagMillis: 0,
      deadLetters: 0,
      position: { sequenceNumber },
    });
    const [arrived, moved] = [status?.position?.time, status?.lastProgress].map((time) => Date.parse(time ?? ''));
    expect(arrived).toBeGreaterThanOrEqual(START);
    expect(moved).toBeGreaterThan(arrived ?? 0);
  });

  test('has a watermark in each shard where the step knows the time, also in one without events, and none before a tick', async () => {
    const run = await startPipelineRun(timing);
    const watermarks = async () => (await run.status('cleaning')).map((of) => [of.state, of.watermark]);
    expect(await watermarks()).toEqual([
      ['idle', null],
      ['idle', null],
    ]);
    await run.given('raw', [{ count: 1 }]);
    await run.when.pass(minutes(3));
    await run.settled();
    const found = await run.status('cleaning');
    expect(found).toHaveLength(2);
    for (const { watermark } of found) expect(Date.parse(watermark ?? '')).toBeGreaterThanOrEqual(START + minutes(2));
    expect((await run.status('lake')).every((status) => !('watermark' in status))).toBe(true);
    await run.when.reshard('raw', 4);
    await run.when.pass(minutes(3));
    await run.settled();
    const after = await run.status('cleaning');
    const open = after.filter(({ state }) => state !== 'ended');
    expect(open.length).toBeGreaterThan(2);
    for (const { watermark } of open) expect(Date.parse(watermark ?? '')).toBeGreaterThanOrEqual(START + minutes(5));
  });

  test('is running when the step fails for a short time, and behind when it fails for long', async () => {
    const run = await startPipelineRun(counting);
    run.when.fails('cleaning kinesis.PutRecords', 'request lost', { times: 10_000 });
    await run.given('raw', counts(0, 3));
    await run.when.pass(minutes(0.5));
    expect(await run.status('cleaning')).toMatchObject([{ state: 'running', recordsBehind: 1 }]);
    await run.when.pass(minutes(5));
    const [status] = await run.status('cleaning');
    expect(status).toMatchObject({ state: 'behind', recordsBehind: 1 });
    expect(status?.lagMillis).toBeGreaterThan(minutes(5));
    expect(status?.lastProgress).toBeUndefined();
  });

  test('is rewinding from a move until the step has caught up', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', counts(0, 5));
    await run.settled();
    // The function dies when it appends the first events again.
    run.when.fails('cleaning kinesis.PutRecords', 'killed before');
    expect(await run.when.rewound('cleaning', 'earliest', { pulls: 1 })).toBe(false);
    const [status] = await run.status('cleaning');
    expect(status).toMatchObject({
      state: 'rewinding',
      note: expect.stringContaining('when the same millrace positions command is run again'),
    });
    expect(await run.when.rewound('cleaning', 'earliest')).toBe(true);
    expect(await run.status('cleaning')).toMatchObject([{ state: 'idle', recordsBehind: 0 }]);
  });

  test('is not behind between two runs of a schedule', async () => {
    const run = await startPipelineRun(archiving);
    await run.when.pass(minutes(11));
    await run.given('raw', counts(0, 3));
    await run.when.pass(minutes(8));
    expect(await run.status('lake')).toMatchObject([{ state: 'running', recordsBehind: 1 }]);
  });

  test("has no backlog before the first run of a step that starts at 'latest'", async () => {
    const run = await startPipelineRun(archiving);
    run.when.fails('lake', 'request lost', { times: 10_000 });
    await run.given('raw', counts(0, 3));
    await run.when.pass(minutes(1));
    const [status] = await run.status('lake');
    expect(status).toMatchObject({ state: 'idle', note: expect.stringContaining("'latest'") });
    expect(status?.recordsBehind).toBeUndefined();
  });

  test('is paused, with the time until which waiting records are kept', async () => {
    const run = await startPipelineRun(counting);
    expect(await run.when.paused('cleaning')).toEqual([]);
    expect(await run.status('cleaning')).toMatchObject([{ state: 'paused', recordsBehind: 0 }]);
    await run.given('raw', counts(0, 3));
    await run.when.pass(hours(1));
    const [status] = await run.status('cleaning');
    expect(status).toMatchObject({ state: 'paused', recordsBehind: 1 });
    expect(status?.note).toMatch(
      /^resume before 2026-01-01T20:00:\d\d\.\d{3}Z; after that the waiting records become dead /,
    );
    expect(await run.when.rewound('cleaning', 'earliest')).toBe(false);
    const [moved] = await run.status('cleaning');
    expect(moved?.state).toBe('paused');
    expect(moved?.note).toMatch(
      /^moved, and starts at its new position when it is resumed; resume before 2026-01-01T20:00/,
    );
  });

  test('is ended in a shard that was split, once all of its records are done', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', counts(0, 3));
    await run.settled();
    await run.when.reshard('raw', 2);
    await run.when.pass(minutes(1));
    const states = (await run.status('cleaning')).map(({ shard, state }) => `${shard?.at(-1)} ${state}`);
    expect(states).toEqual(['0 ended', '1 idle', '2 idle']);
  });

  test('counts dead letters in the shard that they came from', async () => {
    const run = await startPipelineRun(counting);
    await run.given('raw', [{ count: 1 }, { count: 'many' } as never]);
    await run.settled();
    expect(await run.status('cleaning')).toMatchObject([{ deadLetters: 1 }]);
  });

  test('is unknown, with a reason, when positions are in a database that does not answer', async () => {
    const run = await startPipelineRun(sensors);
    const statuses = await run.status('readings');
    expect(statuses).toHaveLength(2);
    for (const status of statuses)
      expect(status).toMatchObject({
        state: 'unknown',
        note: expect.stringContaining('its positions are in a database'),
      });
  });

  test('of a source that answers requests is running or paused', async () => {
    const run = await startPipelineRun(sensors);
    expect(await run.status('devices')).toMatchObject([{ delivery: 'request', state: 'running' }]);
    await run.when.paused('devices');
    expect(await run.status('devices')).toMatchObject([{ state: 'paused' }]);
  });
});
