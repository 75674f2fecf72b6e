import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cleanReadings } from '../../functions/transforms/clean-readings.sql.ts';
import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { given, givenPipeline } from '../kit/given.ts';
import { event, record, refusal } from '../kit/given-events.ts';
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

test('drops readings that no sensor sent, and refuses one that is not complete', () => {
  given(cleanReadings, [reading, { ...reading, sensor_id: null }, { sensor_id: 'b', date: '2026-01-01' }]).gives([
    event({ key: 'a', data: reading }),
    refusal('schema', 'precipitation'),
  ]);
});

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

test('nothing is lost or doubled while a stream is resharded and the database is away', async () => {
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

test('says what a pipeline did', async () => {
  const run = await givenPipeline(sensors);
  run.when.fails('cleaning kinesis.PutRecords', 'killed after');
  await run.given('raw', [reading]);
  await run.settled();
  const [told = []] = blocksOf('text').map((block) => block.split('\n').slice(1));
  expect(inAnyOrder(run.story().map(withoutTime))).toEqual(inAnyOrder(told.map(withoutTime)));
});

const thisFile = readFileSync(import.meta.filename, 'utf8');

test('the guide shows what this file runs', () => {
  const shown = blocksOf('ts');
  expect(shown.length).toBeGreaterThan(2);
  for (const block of shown) expect(thisFile).toContain(block);
});

function blocksOf(language: string): readonly string[] {
  const blocks = readFileSync(join(REPOSITORY, 'docs', 'testing.md'), 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...blocks].filter(([, of]) => of === language).map(([, , content = '']) => content.trimEnd());
}

function withoutTime(line: string): string {
  return line.replace(/^ *(\d+m)?\d\d\.\d{3}s /, '');
}
