import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';
import { stepConfigPartsOf } from '../../../infra/pipelines/step-config.ts';
import { lockedAnew } from '../../../infra/schemas/lock.ts';
import { versionOf } from '../../../infra/schemas/version.ts';
import { withVersions } from '../../../infra/schemas/with-versions.ts';

const First = z.object({ id: z.string() });
const Second = First.extend({ note: z.string().optional() });

const shopWith = (schema: z.ZodType<object>) =>
  definePipeline({
    name: 'shop',
    streams: { raw: { schema: First }, orders: { schema } },
    transforms: {
      cleaning: {
        from: 'raw',
        apply: defineTransform({ entry: import.meta.url, from: First, to: schema, apply: () => [] }) as never,
        to: 'orders',
      },
    },
    sinks: {
      table: { from: 'orders', write: postgresSink({ table: 't', create: true, evolve: true }) },
      lake: { from: 'orders', write: s3Sink({ prefix: 'lake', format: 'parquet' }), every: minutes(5) },
      archive: { from: 'orders', write: s3Sink({ prefix: 'archive' }), every: minutes(5) },
    },
  });

test('the code of a step knows the versions that are locked, and writes its own unless that is the first', () => {
  const [before, after] = [shopWith(First), shopWith(Second)];
  const lock = lockedAnew([after], lockedAnew([before], new Map()));
  const versionsOf = (pipeline: typeof before) => {
    const { steps } = planOf(withVersions([pipeline], lock)[0] ?? pipeline, withVersions([pipeline], lock));
    const target = {
      stage: 'test',
      checkpoints: 'c',
      deadLetters: 'd',
      generation: 'g',
      lake: 'lake',
      nameOf: () => 's',
    };
    return Object.fromEntries(
      steps.map((step) => {
        const { bundled, environment } = stepConfigPartsOf(step, target);
        expect(environment).not.toHaveProperty('versions');
        return [step.name, bundled.versions];
      }),
    );
  };
  const [first, second] = [First, Second].map((schema) => versionOf(schema).version);
  const both = { reads: [first, second] };
  expect(versionsOf(after)).toEqual({
    cleaning: { reads: [first], writes: second },
    table: both,
    lake: both,
    archive: undefined,
  });
  // Code that was taken back, with the file as it is, knows what the stream has got meanwhile.
  expect(versionsOf(before)).toEqual({ cleaning: { reads: [first] }, table: both, lake: both, archive: undefined });
});
