import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sensors } from '../../infra/pipelines/sensors.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

/** The test files that docs/testing.md shows whole, in its order. */
const EXAMPLES = ['guide-transform.test.ts', 'guide-pipeline.test.ts', 'guide-faults.test.ts'];

test('the guide shows whole test files, which run, with their imports', () => {
  const files = EXAMPLES.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8').trimEnd());
  expect(blocksOf('ts')).toEqual(files);
});

test('the guide shows what a failing pipeline really says', async () => {
  const reading = { sensor_id: 'a', date: '2026-01-01', precipitation: 0, temp_max: 9, temp_min: 1, wind: 3 };
  const run = await givenPipeline(sensors);
  run.when.fails('cleaning kinesis.PutRecords', 'killed after');
  await run.given('raw', [{ ...reading, weather: 'sun' }]);
  await run.settled();
  const [shown = []] = blocksOf('text').map((block) => block.split('\n').slice(1));
  expect(inAnyOrder(run.story().map(withoutTime))).toEqual(inAnyOrder(shown.map(withoutTime)));
});

function blocksOf(language: string): readonly string[] {
  const blocks = readFileSync(join(REPOSITORY, 'docs', 'testing.md'), 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...blocks].filter(([, of]) => of === language).map(([, , content = '']) => content.trimEnd());
}

function withoutTime(line: string): string {
  return line.replace(/^ *(\d+m)?\d\d\.\d{3}s /, '');
}
