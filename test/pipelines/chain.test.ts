import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const Counted = z.object({ word: z.string(), count: z.int32() });

/** Makes two events of one, with two keys, so that they go to different shards. */
const twice = defineTransform({
  entry: import.meta.url,
  from: Counted,
  to: Counted,
  apply: ({ data }) => [
    { type: 'word.counted', data },
    { type: 'word.repeated', key: `other-${data.count % 3}`, data: { ...data, count: data.count + 1_000 } },
  ],
});

const shouted = defineTransform({
  entry: import.meta.url,
  from: Counted,
  to: Counted,
  apply: ({ data }) => [{ type: 'word.shouted', data: { ...data, word: `${data.word}!` } }],
});

/** Two transforms in a row, and after them the two sinks in which a duplicate would show: an append table and files. */
const chain = definePipeline({
  name: 'chain',
  streams: {
    words: { schema: Counted, shards: 2 },
    counted: { schema: Counted, shards: 2 },
    loud: { schema: Counted, shards: 2 },
  },
  transforms: {
    first: { from: 'words', apply: twice, to: 'counted' },
    second: { from: 'counted', apply: shouted, to: 'loud' },
  },
  sinks: {
    history: { from: 'loud', write: postgresSink({ table: 'history', create: true }) },
    lake: { from: 'loud', write: s3Sink({ prefix: 'loud' }), every: minutes(5) },
  },
});

const RESHARDS = [undefined, 'counted', 'words', 'counted', 'loud'] as const;

/** Gives events in small groups while calls fail at random, and reshards every stream in between. */
async function runChain(seed: number) {
  const run = await givenPipeline(chain, { seed });
  run.when.anythingFails({ most: 25, probability: 0.15 });
  const expected: z.infer<typeof Counted>[] = [];
  for (let handful = 0; handful < 10; handful++) {
    const some = Array.from({ length: 5 }, (_, index) => ({ word: `w${index % 4}`, count: handful * 5 + index }));
    for (const { word, count } of some) {
      expected.push({ word: `${word}!`, count }, { word: `${word}!`, count: count + 1_000 });
    }
    await run.given('words', some, { key: 'word' });
    const stream = RESHARDS[handful];
    if (stream !== undefined)
      await run.when.reshard(stream, handful === 1 && seed % 2 === 0 ? 4 : handful === 3 ? 2 : 1);
    await run.when.pass((seed % 4) * 500);
  }
  await run.settled();
  return { run, expected };
}

describe('a chain of transforms, whatever fails', () => {
  // 1 and 13: a process that kept its marks took events for new that another process of the step had processed.
  test.each([1, 13, ...Array.from({ length: 18 }, (_, index) => 101 + index)])(
    'changes each sink once (seed %i)',
    async (seed) => {
      const { run, expected } = await runChain(seed);
      expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder(expected));
      expect(
        inAnyOrder(
          run
            .bucket('lake')
            .rows('loud/')
            .map((event) => (event as { data: unknown }).data),
        ),
      ).toEqual(inAnyOrder(expected));
      expect(run.faults().length).toBeGreaterThan(0);
    },
  );
});
