import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Change, changedCopy } from '../deploy/changed-copy.ts';
import { linesOf, type RunningDevProcess, startDevProcess, until } from './running-dev.ts';

const PIPELINE = 'infra/pipelines/sensors.ts';
const SQL = 'functions/transforms/clean-readings.sql';

/** Adds a step whose SQL is written in the pipeline. */
const CHANGES: readonly Change[] = [
  {
    file: PIPELINE,
    from: "import { definePipeline, minutes } from './pipeline.ts';",
    to: "import { z } from 'zod';\nimport { sql } from './inline-sql.ts';\nimport { definePipeline, minutes } from './pipeline.ts';",
  },
  {
    file: PIPELINE,
    from: 'clean: { schema: cleanReadings.to, shards: 2 },',
    to: 'clean: { schema: cleanReadings.to }, hot: { schema: z.object({ sensor_id: z.string(), celsius: z.number() }) },',
  },
  {
    file: PIPELINE,
    from: "cleaning: { from: 'raw', apply: cleanReadings, to: 'clean' },",
    to: `cleaning: { from: 'raw', apply: cleanReadings, to: 'clean' },
    heat: { from: 'clean', apply: sql('SELECT sensor_id, temp_max AS celsius FROM clean WHERE temp_max > 30'), to: 'hot' },`,
  },
];

let folder: string;
let repository: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-dev-sql-'));
  repository = await changedCopy(join(folder, 'copy'), CHANGES);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('dev runs SQL of the pipeline itself, and reloads a .sql file when it changes', async () => {
  await using dev = await startDevProcess('sensors', repository);
  await send(dev, 'a', 31);
  await send(dev, 'b', 30);
  await send(dev, 'c', 32);
  expect(await dataOf(dev, 'hot', 2)).toEqual([
    { sensor_id: 'a', celsius: 31 },
    { sensor_id: 'c', celsius: 32 },
  ]);

  await edit('WHERE sensor_id IS NOT NULL', "WHERE sensor_id IS NOT NULL AND sensor_id <> 'a'");
  await dev.printed(/compiled functions\/transforms\/clean-readings\.sql\.ts/);
  await dev.printed(/reloaded sensors\/cleaning/);
  await send(dev, 'a', 33);
  await send(dev, 'd', 34);
  expect(await dataOf(dev, 'hot', 3)).toMatchObject([{ sensor_id: 'a', celsius: 31 }, {}, { sensor_id: 'd' }]);

  await edit('sensor_id <>', 'senser_id <>');
  await dev.printed(
    /not compiled: functions\/transforms\/clean-readings\.sql:6:33: there is no column "senser_id"[\s\S]*did you mean "sensor_id"\?/,
  );
  await send(dev, 'a', 35);
  await send(dev, 'e', 36);
  expect(await dataOf(dev, 'hot', 4)).toMatchObject([{}, {}, {}, { sensor_id: 'e' }]);
});

async function edit(from: string, to: string): Promise<void> {
  const text = await readFile(join(repository, SQL), 'utf8');
  expect(text).toContain(from);
  await writeFile(join(repository, SQL), text.replace(from, to));
}

async function send({ url }: RunningDevProcess, sensor_id: string, temp_max: number): Promise<void> {
  const reading = { sensor_id, date: '2026-01-01', precipitation: 0, temp_max, temp_min: 0, wind: 1, weather: 'sun' };
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(reading) })).status).toBe(202);
}

/** Resolves to the data of a stream's events as soon as there are `count` of them. */
async function dataOf(dev: RunningDevProcess, stream: string, count: number): Promise<readonly unknown[]> {
  const read = async () => linesOf<{ data: unknown }>(await dev.millrace('tail', 'sensors', stream));
  return (await until(read, (events) => events.length >= count)).map(({ data }) => data);
}
