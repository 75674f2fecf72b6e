import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { doubledBy, doubles } from '../../../infra/operation/doubling.ts';
import { definePipeline, minutes, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { planOf, type SinkPlan, type TransformPlan } from '../../../infra/pipelines/plan.ts';

const Count = z.object({ count: z.number() });

const pass = defineTransform({
  entry: import.meta.url,
  from: Count,
  to: Count,
  apply: ({ data }) => [{ type: 'count.passed', data }],
});

const counting = definePipeline({
  name: 'counting',
  streams: { raw: { schema: Count }, clean: { schema: Count }, final: { schema: Count } },
  transforms: { first: { from: 'raw', apply: pass, to: 'clean' }, second: { from: 'clean', apply: pass, to: 'final' } },
  sinks: {
    archive: { from: 'raw', write: s3Sink({ prefix: 'raw' }), every: minutes(5) },
    history: { from: 'final', write: postgresSink({ table: 'history' }) },
    latest: { from: 'final', write: postgresSink({ table: 'latest', key: ['count'] }) },
  },
});

/** Reads what the other makes, and writes back into it: a circle. */
const audit = definePipeline({
  name: 'audit',
  streams: { clean: streamOf(counting, 'clean'), final: streamOf(counting, 'final') },
  transforms: { back: { from: 'final', apply: pass, to: 'clean' } },
  sinks: { lake: { from: 'clean', write: s3Sink({ prefix: 'clean' }), every: minutes(5) } },
});

const plans = [counting, audit].map((pipeline) => planOf(pipeline, [counting, audit]));
const stepOf = (name: string) => plans.flatMap(({ steps }) => steps).find((step) => step.name === name);

describe('a sink', () => {
  test.each([
    ['archive', true],
    ['history', true],
    ['latest', false],
    ['lake', true],
  ])('%s has an event twice that is written again: %s', (name, expected) => {
    expect(doubles(stepOf(name) as SinkPlan)).toBe(expected);
  });
});

describe('a rewound transform', () => {
  test('doubles what is after it, through other transforms and in other pipelines, and nothing else', () => {
    const doubled = doubledBy(stepOf('first') as TransformPlan, plans);
    expect(doubled.map(({ name }) => name)).toEqual(['lake', 'history']);
  });

  test('that nothing of the kind comes after doubles nothing', () => {
    const [own] = plans;
    const without = { ...own, steps: own?.steps.filter(({ name }) => name !== 'history') ?? [] };
    expect(doubledBy(stepOf('second') as TransformPlan, [without as (typeof plans)[number]])).toEqual([]);
  });
});
