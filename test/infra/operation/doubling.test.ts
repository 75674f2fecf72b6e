import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable } from '../../../functions/runtime/table.ts';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { duplicatesOnReplay, sinksWithDuplicates } from '../../../infra/operation/doubling.ts';
import { definePipeline, minutes, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { planOf, type SinkPlan, type TransformPlan } from '../../../infra/pipelines/plan.ts';

const Count = z.object({ count: z.number() });

const pass = defineTransform({
  entry: import.meta.url,
  from: Count,
  to: Count,
  apply: ({ data }) => [{ type: 'count.passed', data }],
});

const kept = defineTable({
  entry: import.meta.url,
  from: Count,
  row: Count,
  key: ['count'],
  reduce: (_, { data }) => data,
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

/** Reads the other pipeline's output and writes back into it, so that the transforms form a cycle. */
const audit = definePipeline({
  name: 'audit',
  streams: { clean: streamOf(counting, 'clean'), final: streamOf(counting, 'final') },
  transforms: { back: { from: 'final', apply: pass, to: 'clean' } },
  tables: { sums: { from: 'final', keep: kept } },
  sinks: { lake: { from: 'clean', write: s3Sink({ prefix: 'clean' }), every: minutes(5) } },
});

const plans = [counting, audit].map((pipeline) => planOf(pipeline, [counting, audit]));
const stepOf = (name: string) => plans.flatMap(({ steps }) => steps).find((step) => step.name === name);

describe('duplicatesOnReplay', () => {
  test.each([
    ['archive', true],
    ['history', true],
    ['latest', false],
    ['lake', true],
  ])('of the sink %s is %s', (name, expected) => {
    expect(duplicatesOnReplay(stepOf(name) as SinkPlan)).toBe(expected);
  });
});

describe('sinksWithDuplicates', () => {
  test('finds the appending sinks and the tables after a transform, through other transforms and in other pipelines', () => {
    const sinks = sinksWithDuplicates(stepOf('first') as TransformPlan, plans);
    expect(sinks.map(({ name }) => name)).toEqual(['lake', 'history', 'sums']);
  });

  test('finds none when no appending sink comes after the transform', () => {
    const [own] = plans;
    const without = { ...own, steps: own?.steps.filter(({ name }) => name !== 'history') ?? [] };
    expect(sinksWithDuplicates(stepOf('second') as TransformPlan, [without as (typeof plans)[number]])).toEqual([]);
  });
});
