import { expect, test } from 'vitest';
import { z } from 'zod';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';

function pipelineOf(name: string, prefixes: readonly string[]) {
  const sinks = prefixes.map((prefix, index) => [
    `lake${index}`,
    { from: 'events', write: s3Sink({ prefix }), every: minutes(5) } as const,
  ]);
  return definePipeline({
    name,
    streams: { events: { schema: z.string() } },
    sinks: Object.fromEntries(sinks) as Record<
      string,
      { from: 'events'; write: ReturnType<typeof s3Sink<never>>; every: ReturnType<typeof minutes> }
    >,
  });
}

test.each([
  ['the same prefix', ['orders', 'orders']],
  ['a prefix inside the other', ['shop/orders', 'shop']],
])('two sinks with %s of the lake are an error', (_, prefixes) => {
  const pipeline = pipelineOf('shop', prefixes);
  expect(() => planOf(pipeline, [pipeline])).toThrow(
    `step 'shop/lake0': its prefix '${prefixes[0]}' and the prefix '${prefixes[1]}' of step 'shop/lake1' overlap in the lake`,
  );
});

test('two pipelines cannot share one prefix of the lake', () => {
  const [one, other] = [pipelineOf('one', ['orders']), pipelineOf('other', ['orders'])];
  expect(() => planOf(other, [one, other])).toThrow("of step 'one/lake0' overlap");
});

test('prefixes that only begin alike are allowed', () => {
  const pipeline = pipelineOf('shop', ['order', 'orders', 'shop/order']);
  expect(planOf(pipeline, [pipeline]).steps).toHaveLength(3);
});
