import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { statusReport } from '../../infra/cli/reports/status-report.ts';
import { descriptionOf } from '../../infra/constructs/step-description.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { planOf } from '../../infra/pipelines/plan.ts';
import { givenPipeline } from '../kit/given.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';

const Item = z.object({ number: z.number() });

/** Returns another key at each call, as a transform that uses random numbers may. */
const wandering = (definition: { readonly deterministic?: false }) => {
  let calls = 0;
  return defineTransform({
    ...definition,
    entry: import.meta.url,
    from: Item,
    to: Item,
    apply: ({ data }) => [{ type: 'item.moved', key: `key-${calls++ % 7}`, data }],
  });
};
const copying = defineTransform({ entry: import.meta.url, from: Item, to: Item, apply: (event) => [event] });

const moving = (definition: { readonly deterministic?: false }) =>
  definePipeline({
    name: 'moving',
    streams: { raw: { schema: Item }, moved: { schema: Item, shards: 4 }, copied: { schema: Item, shards: 2 } },
    transforms: {
      wandering: { from: 'raw', apply: wandering(definition), to: 'moved' },
      copying: { from: 'moved', apply: copying, to: 'copied' },
    },
    sinks: { items: { from: 'copied', write: postgresSink({ table: 'items', key: ['number'] }) } },
  });

const NUMBERS = Array.from({ length: 40 }, (_, number) => number);

async function afterFailures(declared: { readonly deterministic?: false }, seed: number) {
  const run = await givenPipeline(moving(declared), { seed });
  run.when.fails('wandering kinesis.PutRecords', 'throttled', { times: 2 });
  run.when.fails('wandering kinesis.PutRecords', 'killed before', { after: 2 });
  await run.given(
    'raw',
    NUMBERS.map((number) => ({ number })),
  );
  await run.settled();
  return run;
}

const lost = (run: PipelineRun<ReturnType<typeof moving>['streams']>): number => {
  const there = new Set(run.table('items').map(({ number }) => number));
  return NUMBERS.filter((number) => !there.has(number)).length;
};

const SEEDS = [1, 2, 3, 4, 5, 6];

describe('a transform that is not deterministic', () => {
  test('and is declared so loses nothing, even when a retry makes another output', async () => {
    for (const seed of SEEDS) {
      const run = await afterFailures({ deterministic: false }, seed);
      expect(lost(run)).toBe(0);
      expect(run.stream('moved').data().length).toBeGreaterThanOrEqual(NUMBERS.length);
    }
  });

  test('and is not declared so may lose events, which its readers take for duplicates', async () => {
    let losses = 0;
    for (const seed of SEEDS) losses += lost(await afterFailures({}, seed));
    expect(losses).toBeGreaterThan(0);
  });

  test('is shown as at least once by its plan and its status, and the steps after it as exactly once', async () => {
    const pipeline = moving({ deterministic: false });
    const { steps } = planOf(pipeline, [pipeline]);
    expect(steps.map((step) => step.kind !== 'source' && [step.name, step.atLeastOnce])).toEqual([
      ['wandering', true],
      ['copying', false],
      ['items', false],
    ]);
    expect(steps.map(descriptionOf)).toEqual([
      'transform wandering of pipeline moving, at least once',
      'transform copying of pipeline moving',
      'sink items of pipeline moving',
    ]);
    const run = await givenPipeline(pipeline);
    const statuses = [...(await run.status('wandering')), ...(await run.status('copying'))];
    expect(new Set(statuses.map(({ step, promise }) => `${step}: ${promise}`))).toEqual(
      new Set(['wandering: at least once', 'copying: undefined']),
    );
    const lines = statusReport('here', statuses, 0).split('\n');
    expect(lines.filter((line) => line.includes('at least once'))).toEqual([
      'moving/wandering: at least once, because its code is declared not deterministic',
    ]);
  });
});
