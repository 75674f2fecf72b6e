import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const Count = z.object({ word: z.string(), count: z.int32() });

const passed = defineTransform({
  entry: import.meta.url,
  from: Count,
  to: Count,
  apply: ({ data }) => [{ type: 'word.passed', data }],
});

/**
 * A transform, and after it an append table, which shows how often an event arrived, and a table with the last event of
 * each key.
 */
const words = definePipeline({
  name: 'words',
  streams: { raw: { schema: Count, shards: 2 }, clean: { schema: Count, shards: 2 } },
  transforms: { passing: { from: 'raw', apply: passed, to: 'clean' } },
  sinks: {
    history: { from: 'clean', write: postgresSink({ table: 'history', create: true }) },
    latest: { from: 'clean', write: postgresSink({ table: 'latest', key: ['word'], create: true }) },
    minutely: {
      from: 'clean',
      write: postgresSink({ table: 'minutely', key: ['word'], create: true }),
      every: minutes(1),
    },
    lake: { from: 'clean', write: s3Sink({ prefix: 'clean', lines: 'data' }), every: minutes(1) },
  },
});

const counts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ word: `w${(from + index) % 7}`, count: from + index }));

describe('a transform that is rewound', () => {
  test('makes its readers see the replayed events once more, and the other events once', async () => {
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

const START = Date.parse('2026-01-01T00:00:00Z');

describe('a step that is moved', () => {
  test('to a time processes records from that time on again, and none before', async () => {
    const run = await givenPipeline(words);
    await run.given('raw', counts(0, 10), { key: 'word' });
    await run.when.pass(minutes(2));
    await run.given('raw', counts(10, 20), { key: 'word' });
    await run.settled();
    expect(await run.when.rewound('passing', { millis: START + minutes(1) })).toBe(true);
    await run.settled();
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder([...counts(0, 20), ...counts(10, 20)]));
  });

  test('to a sequence number begins with that record', async () => {
    const run = await givenPipeline(words);
    for (const handful of [0, 1, 2])
      await run.given(
        'raw',
        counts(handful, handful + 1).map((data) => ({ ...data, word: 'w' })),
      );
    await run.settled();
    const [{ shard, sequenceNumber } = { shard: '', sequenceNumber: '' }] = run
      .positions('passing')
      .filter((position) => position.sequenceNumber !== undefined);
    const shards = [`shardId-${shard.replace('shard ', '').padStart(12, '0')}`];
    expect(await run.when.rewound('passing', { sequenceNumber: sequenceNumber ?? '' }, { shards })).toBe(true);
    await run.settled();
    expect(run.table('history').map(({ count }) => count)).toEqual([0, 1, 2, 2]);
  });

  test('forward to now skips what it has not processed, and no other step does', async () => {
    const run = await givenPipeline(words);
    await run.given('raw', counts(0, 10), { key: 'word' });
    await run.settled();
    await run.when.paused('latest');
    await run.given('raw', counts(10, 20), { key: 'word' });
    await run.when.pass(minutes(1));
    const now = { millis: START + minutes(30) };
    await run.when.pass(now.millis - START);
    expect(await run.when.rewound('latest', now)).toBe(false);
    await run.when.resumed('latest');
    expect(await run.when.rewound('latest', now)).toBe(true);
    await run.given('raw', counts(20, 23), { key: 'word' });
    await run.settled();
    const last = new Map([...counts(0, 10), ...counts(20, 23)].map((row) => [row.word, row]));
    expect(inAnyOrder(run.table('latest'))).toEqual(inAnyOrder([...last.values()]));
    expect(run.table('history')).toHaveLength(23);
  });

  test('in one shard moves in the children of that shard too, and in no others', async () => {
    const run = await givenPipeline(words);
    await run.given('raw', counts(0, 21), { key: 'word' });
    await run.settled();
    const ofFirst = await wordsOf(run, 'shardId-000000000000');
    expect(ofFirst.size).toBeGreaterThan(0);
    expect(ofFirst.size).toBeLessThan(7);
    await run.when.reshard('raw', 4);
    await run.given('raw', counts(21, 42), { key: 'word' });
    await run.settled();
    expect(await run.when.rewound('passing', 'earliest', { shards: ['shardId-000000000000'] })).toBe(true);
    await run.given('raw', counts(42, 49), { key: 'word' });
    await run.settled();
    const isOfFirst = ({ word }: { readonly word: string }): boolean => ofFirst.has(word);
    const again = [...counts(0, 21), ...counts(0, 42)].filter(isOfFirst);
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder([...counts(0, 49), ...again]));
  });

  test('on a schedule continues from the new position in its next runs', async () => {
    const run = await givenPipeline(words);
    let isStrict = true;
    run.when.refused('minutely', ({ count }) => (isStrict && Number(count) >= 13 ? 'too_high' : undefined));
    await run.given('raw', counts(0, 20), { key: 'word' });
    await run.settled();
    expect(inAnyOrder(run.table('minutely'))).toEqual(inAnyOrder(counts(6, 13)));
    isStrict = false;
    expect(await run.when.rewound('minutely', 'earliest')).toBe(true);
    await run.settled();
    expect(inAnyOrder(run.table('minutely'))).toEqual(inAnyOrder(counts(13, 20)));
  });

  test('on a schedule finishes a slice that it has begun, and writes it once', async () => {
    const run = await givenPipeline(words);
    await run.given('raw', counts(0, 20), { key: 'word' });
    // By then a slice of each shard has begun.
    run.when.fails('lake s3.PutObject', 'killed after', { after: 1 });
    await run.when.pass(minutes(3));
    expect(await run.when.rewound('lake', { millis: START + minutes(3) })).toBe(true);
    await run.given('raw', counts(20, 30), { key: 'word' });
    await run.settled();
    expect(inAnyOrder(run.bucket('lake').rows('clean/'))).toEqual(inAnyOrder(counts(0, 30)));
  });

  // The mistake rewound-without-marks in test/faults/mistakes.ts proves that forgotten marks would be noticed.
  test('drops an old duplicate, even when it comes after the new position', async () => {
    const run = await givenPipeline(words);
    run.when.fails('passing kinesis.PutRecords', 'overtaken');
    await run.given('raw', [{ word: 'w', count: 1 }]);
    await run.when.pass(minutes(1));
    await run.given('raw', [{ word: 'w', count: 2 }]);
    await run.when.pass(minutes(2));
    // The process that stood still has sent the first event again, after the second.
    expect(run.stream('clean').repeats()).toBe(1);
    expect(await run.when.rewound('latest', { millis: START + minutes(1.5) })).toBe(true);
    await run.settled();
    expect(run.table('latest')).toEqual([{ word: 'w', count: 2 }]);
  });
});

/** Returns the words in a shard of `raw`: a rewind of the transform in that shard alone sends only these again. */
async function wordsOf(run: Awaited<ReturnType<typeof givenPipeline<typeof words.streams>>>, shard: string) {
  const before = run.table('history').length;
  await run.when.rewound('passing', 'earliest', { shards: [shard] });
  await run.settled();
  return new Set(
    run
      .table('history')
      .slice(before)
      .map(({ word }) => word),
  );
}
