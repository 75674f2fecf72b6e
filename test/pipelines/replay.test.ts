import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';

const Count = z.object({ word: z.string(), count: z.int32() });

const words = definePipeline({
  name: 'words',
  streams: { raw: { schema: Count, shards: 2 } },
  sinks: {
    history: { from: 'raw', write: postgresSink({ table: 'history', create: true }) },
    latest: { from: 'raw', write: postgresSink({ table: 'latest', key: ['word'], create: true }) },
    lake: { from: 'raw', write: s3Sink({ prefix: 'raw', lines: 'data' }), every: minutes(5) },
  },
});

const counts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ word: `w${(from + index) % 7}`, count: from + index }));

/** Runs a pipeline on three groups of events, a minute apart, with resharding between. The range covers the second. */
async function threeGroups(seed: number) {
  const run = await givenPipeline(words, { seed });
  await run.given('raw', counts(0, 20), { key: 'word' });
  await run.when.pass(minutes(1));
  await run.when.reshard('raw', 4);
  const fromMillis = Date.parse('2026-01-01T00:00:30Z');
  await run.given('raw', counts(20, 40), { key: 'word' });
  await run.when.reshard('raw', 2);
  await run.given('raw', counts(40, 50), { key: 'word' });
  await run.when.pass(minutes(1));
  const toMillis = Date.parse('2026-01-01T00:01:30Z');
  await run.given('raw', counts(50, 60), { key: 'word' });
  await run.settled();
  return { run, range: { from: { millis: fromMillis }, toMillis } };
}

describe('a replay', () => {
  test('writes a range into a new table or prefix once, and leaves the position of the step', async () => {
    const { run, range } = await threeGroups(1);
    const before = run.positions('history');
    for (const step of ['history', 'latest', 'lake']) {
      expect(await run.when.replayed(step, { ...range, into: `again_${step}` })).toBe(true);
    }
    expect(inAnyOrder(run.table('again_history'))).toEqual(inAnyOrder(counts(20, 50)));
    expect(inAnyOrder(run.table('again_latest'))).toEqual(inAnyOrder(counts(43, 50)));
    expect(inAnyOrder(run.bucket('lake').rows('replays/raw/again_lake/'))).toEqual(inAnyOrder(counts(20, 50)));
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder(counts(0, 60)));
    expect(run.positions('history')).toEqual(before);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'does so whatever fails, after interruptions and repeated requests (seed %i)',
    async (seed) => {
      const { run, range } = await threeGroups(seed);
      run.when.anythingFails({ most: 20, probability: 0.15 });
      for (const step of ['history', 'lake']) {
        while (!(await run.when.replayed(step, { ...range, into: 'again' }, { pulls: 2 })));
      }
      expect(inAnyOrder(run.table('again'))).toEqual(inAnyOrder(counts(20, 50)));
      expect(inAnyOrder(run.bucket('lake').rows('replays/raw/again/'))).toEqual(inAnyOrder(counts(20, 50)));
      expect(run.faults().length).toBeGreaterThan(0);
    },
  );

  test('rejects a table that has rows, and the one that the step itself writes', async () => {
    const { run, range } = await threeGroups(1);
    await expect(run.when.replayed('latest', { ...range, into: 'history' })).rejects.toThrow(/'history' is not fresh/);
    await expect(run.when.replayed('latest', { ...range, into: 'latest' })).rejects.toThrow(
      /'latest' is where step '\S+' itself writes; choose another destination/,
    );
    expect(inAnyOrder(run.table('history'))).toEqual(inAnyOrder(counts(0, 60)));
  });
});
