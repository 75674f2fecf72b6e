import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const Count = z.object({ word: z.string(), count: z.int32() });

const passed = defineTransform({
  entry: import.meta.url,
  from: Count,
  to: Count,
  apply: ({ data }) => [{ type: 'word.passed', data }],
});

/** A transform, and at its end a table that is appended to, which shows how often an event came, and one that holds the last of each key. */
const words = definePipeline({
  name: 'words',
  streams: { raw: { schema: Count, shards: 2 }, clean: { schema: Count, shards: 2 } },
  transforms: { passing: { from: 'raw', apply: passed, to: 'clean' } },
  sinks: {
    history: { from: 'clean', write: postgresSink({ table: 'history', create: true }) },
    latest: { from: 'clean', write: postgresSink({ table: 'latest', key: ['word'], create: true }) },
  },
});

const counts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ word: `w${(from + index) % 7}`, count: from + index }));

describe('a transform that is rewound', () => {
  test('makes its readers see the events again, once, and the others once', async () => {
    const run = await givenPipeline(words);
    await run.given('raw', counts(0, 20), { key: 'word' });
    await run.settled();
    expect(await run.when.rewound('passing', 'earliest')).toBe(true);
    await run.given('raw', counts(20, 30), { key: 'word' });
    await run.settled();
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder([...counts(0, 20), ...counts(0, 30)]));
    expect(inAnyOrder(run.table('latest'))).toEqual(inAnyOrder(counts(23, 30)));
  });
});
