import { expect, test } from 'vitest';
import { z } from 'zod';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { shownComparison } from '../../../infra/console/shown-comparison.ts';
import type { ComparedSink, Comparison } from '../../../infra/operation/compare/comparison.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';

const Person = z.object({ email: z.string().meta({ personal: true }), city: z.string(), more: z.unknown() });
const pipeline = definePipeline({
  name: 'people',
  streams: { people: { schema: Person } },
  sinks: { lake: { from: 'people', write: s3Sink({ prefix: 'people' }), every: minutes(5) } },
});
const [step] = planOf(pipeline, [pipeline]).steps;

const sink = (name: string): ComparedSink => ({
  ...{ name, connector: 's3', rows: 2, lagMillis: 0, eventsBehind: 0, andMore: false, bytes: 1_000, storagePrice: 0 },
  ...{ requests: [], read: [] },
});

const comparison: Comparison = {
  pipeline: 'people',
  stream: 'people/people',
  sinks: { a: sink('table'), b: sink('lake') },
  matchedBy: 'columns',
  key: ['email'],
  fields: ['email', 'city', 'more'],
  notCompared: [],
  counts: { same: 1, onlyA: 0, onlyB: 0, doubled: 0, differs: 1, waits: 0, unclear: 0, unmatched: 0 },
  differences: [
    {
      kind: 'differs',
      id: ['ann@example.com'],
      times: { a: 1, b: 1 },
      fields: [{ field: 'more', a: '{"email":"ann@example.com","n":1}', b: null }],
      event: { id: 'e1', key: 'ann@example.com', type: 'person.moved' },
    },
  ],
  notes: [],
};

test('a comparison shows the rows that differ with the keys of their events', () => {
  expect(shownComparison(comparison, step!, { hidesData: false })).toMatchObject({
    found: ['1 row is the same.', '1 difference: 1 with other values.'],
    differences: [
      { row: 'ann@example.com', event: 'person.moved  key ann@example.com  id e1', key: 'ann@example.com' },
    ],
  });
});

test('with --hide-data, a comparison shows no personal value, in keys, fields and events', () => {
  const shown = shownComparison(comparison, step!, { hidesData: true });
  expect(JSON.stringify(shown)).not.toContain('ann@');
  expect(shown.differences).toEqual([
    {
      row: 'hidden',
      fields: [{ field: 'more', a: '{"email":"hidden","n":1}', b: null }],
      event: 'person.moved  key hidden  id e1',
    },
  ]);
});
