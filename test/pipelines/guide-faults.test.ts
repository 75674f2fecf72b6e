import { expect, test } from 'vitest';
import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';
import { givenPipeline } from '../kit/given.ts';
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

test('loses and duplicates nothing while a stream is resharded and the database is down', async () => {
  const run = await givenPipeline(sensors, { seed: 7 });
  const week = [1, 2, 3, 4, 5, 6, 7].map((day) => ({ ...reading, sensor_id: `s${day % 3}`, date: `2026-01-0${day}` }));
  run.when.fails('cleaning kinesis.PutRecords', 'reply lost');
  await run.given('raw', week.slice(0, 4), { key: 'sensor_id' });
  await run.when.reshard('raw', 2);
  await run.when.down('readings postgres', hours(1));
  run.when.anythingFails({ most: 20 });
  await run.given('raw', week.slice(4), { key: 'sensor_id' });
  await run.when.pass(minutes(10));
  await run.settled();
  expect(run.stream('clean').repeats()).toBeGreaterThan(0);
  expect(inAnyOrder(run.table('readings'))).toEqual(inAnyOrder(week));
});
