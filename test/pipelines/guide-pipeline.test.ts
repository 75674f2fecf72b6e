import { expect, test } from 'vitest';
import { sensors } from '../../infra/pipelines/sensors.ts';
import { givenPipeline } from '../kit/given.ts';
import { event, record } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const reading = {
  sensor_id: 'a',
  date: '2026-01-01',
  precipitation: 0,
  temp_max: 9,
  temp_min: 1,
  wind: 3,
  weather: 'sun',
};

test('readings reach the table and the lake', async () => {
  const run = await givenPipeline(sensors);
  await run.posted('devices', [reading, { ...reading, sensor_id: null }]);
  await run.given('raw', [
    event({ key: 'b', time: '2026-01-02T06:00:00Z', data: { ...reading, sensor_id: 'b' } }),
    record('no json'),
  ]);
  await run.settled();
  expect(run.stream('clean').data()).toEqual([reading, { ...reading, sensor_id: 'b' }]);
  expect(inAnyOrder(run.table('readings'))).toEqual([reading, { ...reading, sensor_id: 'b' }]);
  expect(run.bucket('lake').rows('clean/')).toHaveLength(2);
  expect(run.deadLetters('cleaning')).toMatchObject([{ reason: 'undecodable', text: 'no json' }]);
  expect(run.positions('cleaning')).toMatchObject([{ shard: 'shard 0', recordsBehind: 0 }]);
});
