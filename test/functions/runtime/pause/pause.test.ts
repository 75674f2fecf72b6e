import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import {
  BELIEVED_MILLIS,
  isAtRest,
  loadPause,
  openPause,
  savePause,
} from '../../../../functions/runtime/pause/pause.ts';
import { s3FilesSource } from '../../../../functions/sources/s3-files/s3-files.ts';
import { OrderLine } from '../../../../functions/transforms/order-events.ts';
import { ordersFile } from '../../../../infra/local/demo/data.ts';
import { definePipeline, hours, minutes } from '../../../../infra/pipelines/pipeline.ts';
import { sensors } from '../../../../infra/pipelines/sensors.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';
import { startPipelineRun } from '../../../kit/pipeline-run.ts';

/** A pipeline of one step, so that hours pass faster. */
const files = definePipeline({
  name: 'files',
  streams: { lines: { schema: OrderLine } },
  sources: {
    exports: {
      read: s3FilesSource({
        schema: OrderLine,
        format: 'csv',
        type: 'line.exported',
        key: 'Order ID',
        prefix: 'orders/',
      }),
      to: 'lines',
    },
  },
  transforms: {},
  sinks: {},
});

const readings = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    sensor_id: `s${(from + index) % 3}`,
    date: new Date(Date.UTC(2020, 0, 1 + from + index)).toISOString().slice(0, 10),
    precipitation: 0,
    temp_max: from + index,
    temp_min: 0,
    wind: 1,
    weather: 'sun',
  }));

describe('a paused step', () => {
  test('that is continuous keeps its position, and processes each event once and in order after it resumes', async () => {
    const run = await startPipelineRun(sensors);
    await run.posted('devices', readings(0, 10));
    await run.settled();
    const positions = () => run.positions('cleaning').map(({ sequenceNumber }) => sequenceNumber);
    const before = positions();
    await run.when.paused('cleaning');
    await run.when.pass(minutes(1));
    for (let round = 1; round < 10; round++) {
      await run.posted('devices', readings(round * 10, round * 10 + 10));
      await run.when.pass(minutes(10));
    }
    expect(positions()).toEqual(before);
    expect(run.stream('clean').events()).toHaveLength(10);
    expect(run.bucket('dead letters').keys()).toEqual([]);
    await run.when.resumed('cleaning');
    await run.settled();
    expect(run.stream('clean').events()).toHaveLength(100);
    expect(run.table('readings')).toHaveLength(100);
    expect(positions()).not.toEqual(before);
  });

  test('that commits its position with its rows adds no row', async () => {
    const run = await startPipelineRun(sensors);
    await run.when.paused('readings');
    await run.posted('devices', readings(0, 5));
    await run.when.pass(minutes(30));
    expect(run.stream('clean').events()).toHaveLength(5);
    expect(run.table('readings')).toEqual([]);
    await run.when.resumed('readings');
    await run.settled();
    expect(run.table('readings')).toHaveLength(5);
  });

  test('that is continuous makes dead letters of records that its stream is about to trim, and of no others', async () => {
    const run = await startPipelineRun(sensors);
    await run.when.paused('readings');
    await run.posted('devices', readings(0, 5));
    await run.when.pass(hours(19));
    expect(run.bucket('dead letters').keys()).toEqual([]);
    await run.when.pass(hours(3));
    expect(run.bucket('dead letters').keys().length).toBeGreaterThan(0);
    for (const key of run.bucket('dead letters').keys()) expect(key).toMatch(/^dead-letters\/sensors\/readings\//);
  });

  test('that is scheduled does not run', async () => {
    const run = await startPipelineRun(sensors);
    await run.when.paused('lake');
    await run.posted('devices', readings(0, 5));
    await run.when.pass(hours(1));
    const clean = () =>
      run
        .bucket('lake')
        .keys()
        .filter((key) => key.startsWith('clean/'));
    expect(clean()).toEqual([]);
    expect(run.bucket('lake').keys().length).toBeGreaterThan(0);
    await run.when.resumed('lake');
    await run.settled();
    expect(clean().length).toBeGreaterThan(0);
  });

  test('that answers requests tells the caller when to retry, and appends nothing', async () => {
    const run = await startPipelineRun(sensors);
    await run.when.paused('devices');
    const refused = await run.posted('devices', readings(0, 1));
    expect(refused).toEqual({ status: 503, body: { error: 'the source is paused: send the request again later' } });
    await run.when.resumed('devices');
    await run.when.pass(minutes(1));
    expect((await run.posted('devices', readings(0, 1))).status).toBe(202);
    expect(run.stream('raw').events()).toHaveLength(1);
  });

  test('that takes announcements leaves them in the queue, and takes them soon after it resumes', async () => {
    const run = await startPipelineRun(files);
    const orders = (await readFile(ordersFile())).toString('latin1').split('\n').slice(0, 3).join('\n');
    await run.when.paused('exports');
    await run.dropped('orders/some.csv', orders);
    // The queue would hide a failed message for half an hour, and discard it after ten failures.
    await run.when.pass(minutes(15));
    expect(run.stream('lines').events()).toEqual([]);
    await run.when.resumed('exports');
    await run.when.pass(minutes(2));
    expect(run.stream('lines').events()).toHaveLength(2);
  });
});

test('a page of a file that was appended but not recorded is finished in the pause, and changed code continues after it', async () => {
  const run = await startPipelineRun(files);
  const orders = (await readFile(ordersFile())).toString('latin1').split('\n').slice(0, 11).join('\n');
  run.when.fails('exports kinesis.PutRecords', 'killed after');
  await run.dropped('orders/some.csv', orders);
  await run.when.pass(minutes(1));
  expect(run.stream('lines').events()).toHaveLength(10);
  // The queue hides a message for half an hour after the function has died with it.
  expect(await run.when.paused('exports')).toHaveLength(1);
  await run.when.pass(minutes(25));
  expect(await run.when.paused('exports')).toEqual([]);
  run.when.deployed('exports');
  await run.when.resumed('exports');
  await run.settled();
  expect(run.stream('lines').events()).toHaveLength(10);
  expect(run.stream('lines').repeats()).toBe(10);
});

describe('a pause', () => {
  function steps() {
    const dynamodb = createDynamoDb();
    dynamodb.createTable('checkpoints', { partition: 'step', sort: 'key' });
    let reads = 0;
    const send = (command: { constructor: { name: string } }) => {
      if (command.constructor.name === 'GetItemCommand') reads++;
      return dynamodb.call(command as never, undefined);
    };
    const checkpoints = openCheckpoints({ dynamodb: { send } as never, table: 'checkpoints', step: 'p/s' });
    return { checkpoints, reads: () => reads };
  }
  const { signal } = new AbortController();

  test('is read once every five seconds, so it is in force after that time', async () => {
    const { checkpoints, reads } = steps();
    let nowMillis = 0;
    const pause = openPause({ checkpoints, now: () => nowMillis });
    expect(await pause.inForce(signal)).toBeUndefined();
    const begun = await savePause(checkpoints, await loadPause(checkpoints, signal), { sinceMillis: 7, signal });
    const before = reads();
    nowMillis = BELIEVED_MILLIS - 1;
    expect(await pause.inForce(signal)).toBeUndefined();
    expect(reads()).toBe(before);
    nowMillis = BELIEVED_MILLIS;
    expect(await pause.inForce(signal)).toEqual({ revision: 1, sinceMillis: 7 });
    expect(begun).toEqual({ revision: 1, sinceMillis: 7 });
  });

  test('does not mistake a shard at rest in an earlier pause for one at rest in this pause', async () => {
    const { checkpoints } = steps();
    const pause = openPause({ checkpoints, now: () => 0 });
    const held = (of: string, pauseOf: number) => isAtRest(checkpoints, { of, pause: pauseOf, signal });
    const first = { revision: 1, sinceMillis: 0 };
    const rest = await pause.rest('shardId-0', first, signal);
    expect(rest).toEqual({ pause: 1, held: false, records: 0, bytes: 0 });
    await pause.note('shardId-0', { ...rest, records: 7 }, signal);
    expect(await held('shardId-0', 1)).toBe(false);
    expect(await openPause({ checkpoints, now: () => 0 }).rest('shardId-0', first, signal)).toMatchObject({
      records: 7,
    });
    await pause.note('shardId-0', { ...rest, held: true }, signal);
    expect([await held('shardId-0', 1), await held('shardId-0', 3), await held('shardId-1', 1)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(await pause.rest('shardId-0', { revision: 3, sinceMillis: 0 }, signal)).toMatchObject({ held: false });
  });
});
