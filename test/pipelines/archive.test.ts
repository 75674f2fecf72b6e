import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTable, type Table } from '../../functions/runtime/table.ts';
import { tumbling } from '../../functions/runtime/windows.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { definePipeline, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { playArchived } from './archive-schedule.ts';
import { counted, REFUSED_BY_OTHERS, sums, Value, value } from './rebuild-schedule.ts';

const twice = counted(2, REFUSED_BY_OTHERS);

const archived = definePipeline({
  name: 'values',
  streams: { raw: { schema: Value, shards: 2 } },
  tables: { sums: { from: 'raw', keep: sums } },
  sinks: { archive: { from: 'raw', write: s3Sink({ prefix: 'raw', lines: 'record' }), every: hours(1) } },
});

/** Adds up by windows of ten minutes, and gives them once they have closed. */
const windowed = (column: string): Table<never> =>
  defineTable({
    entry: import.meta.url,
    from: Value,
    row: z.object({ id: z.string(), [column]: z.int32() }),
    key: ['id'],
    window: tumbling({ size: minutes(10), grace: minutes(5), emit: 'final' }),
    reduce: (row, { data: { id, n } }) => ({
      id,
      [column]: (Number((row as Readonly<Record<string, unknown>> | undefined)?.[column]) || 0) + n,
    }),
  }) as unknown as Table<never>;

const timed = definePipeline({
  name: 'timed',
  streams: { raw: { schema: Value } },
  tables: { windows: { from: 'raw', keep: windowed('sum') as never } },
  sinks: { archive: { from: 'raw', write: s3Sink({ prefix: 'raw', lines: 'record' }), every: hours(1) } },
});

const SLOW = { pollMillis: minutes(10) };

describe('a table whose log no longer reaches back, of a stream with an archive', () => {
  test('is made again of the archive and then of the log, each event once', async () => {
    const run = await givenPipeline(archived, SLOW);
    await run.given('raw', [value('a', 1), value('b', 2)]);
    await run.settled();
    await run.when.pass(hours(25));
    await run.given('raw', [value('a', 4), value('b', 8)]);
    await run.settled();
    await run.given('raw', [value('a', 16)]);
    run.when.deployed('sums', twice);
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual(
      inAnyOrder([
        { id: 'a', sum: 42, count2: 3 },
        { id: 'b', sum: 20, count2: 2 },
      ]),
    );
  });

  test('takes shards that the stream has forgotten from the archive, parents before their children', async () => {
    const run = await givenPipeline(archived, SLOW);
    await run.given('raw', [value('a', 1), value('b', 2)]);
    await run.settled();
    await run.when.reshard('raw', 4);
    await run.given('raw', [value('a', 4)]);
    await run.settled();
    await run.when.pass(hours(60));
    expect(run.stream('raw').events()).toHaveLength(3);
    await run.given('raw', [value('b', 8)]);
    await run.settled();
    run.when.deployed('sums', twice);
    await run.given('raw', [value('a', 16), value('b', 32)]);
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual(
      inAnyOrder([
        { id: 'a', sum: 42, count2: 3 },
        { id: 'b', sum: 84, count2: 3 },
      ]),
    );
  });

  test('is made again of it when an operator asks', async () => {
    const run = await givenPipeline(archived, SLOW);
    await run.given('raw', [value('a', 1)]);
    await run.settled();
    await run.when.pass(hours(25));
    expect(await run.when.rewound('sums', 'earliest')).toBe(true);
    await run.given('raw', [value('a', 2)]);
    await run.settled();
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 3 }]);
  });

  test('goes on where it was when its process dies while it reads the archive, or at the seam', async () => {
    for (const after of [0, 1, 2, 3]) {
      const run = await givenPipeline(archived, { ...SLOW, recordBytes: 1_000 });
      await run.given('raw', [value('a', 1), value('b', 2), value('c', 4)]);
      await run.settled();
      await run.when.pass(hours(25));
      await run.given('raw', [value('a', 8), value('b', 16), value('c', 32)]);
      await run.settled();
      run.when.deployed('sums', twice);
      run.when.fails('sums postgres.Commit', after % 2 === 0 ? 'killed after' : 'killed before', { after });
      await run.given('raw', [value('a', 64)]);
      await run.settled();
      expect(inAnyOrder(run.table('sums'))).toEqual(
        inAnyOrder([
          { id: 'a', sum: 146, count2: 3 },
          { id: 'b', sum: 36, count2: 2 },
          { id: 'c', sum: 72, count2: 2 },
        ]),
      );
    }
  });

  test('closes its windows as before: the archive has what time it was', async () => {
    const run = await givenPipeline(timed, SLOW);
    const at = (time: string, n: number) => event({ type: 'value.came', key: 'a', time, data: { id: 'a', n } });
    await run.given('raw', [at('2026-01-01T00:00:00Z', 1), at('2026-01-01T00:01:00Z', 2)]);
    await run.when.pass(minutes(30));
    await run.given('raw', [at('2026-01-01T00:02:00Z', 4), at('2026-01-01T00:31:00Z', 8)]);
    await run.when.pass(hours(25));
    await run.given('raw', [at('2026-01-02T01:30:00Z', 16)]);
    await run.settled();
    const before = run.table('windows').map(({ window_start, sum }) => `${window_start} ${sum}`);
    expect(before).toHaveLength(2);
    expect(run.deadLetters('windows')).toMatchObject([{ reason: 'late' }]);
    run.when.deployed('windows', windowed('total'));
    await run.given('raw', [at('2026-01-02T01:31:00Z', 32)]);
    await run.when.pass(hours(1));
    const after = run.table('windows').map(({ window_start, total }) => `${window_start} ${total}`);
    expect(after.slice(0, 2)).toEqual(before);
    expect(after).toHaveLength(3);
  });

  test('stops when the archive ends before the log begins, and says so', async () => {
    const run = await givenPipeline(archived, SLOW);
    await run.given('raw', [value('a', 1)]);
    await run.settled();
    await run.when.paused('archive');
    await run.when.pass(hours(2));
    await run.given('raw', [value('a', 2)]);
    await run.when.pass(hours(30));
    await run.given('raw', [value('a', 4)]);
    await run.when.pass(minutes(11));
    await expect(run.when.rewound('sums', 'earliest')).rejects.toThrow(
      /table values\/sums cannot be made again: the log .* Its archive, raw\/ in \S+, does not have what the log lacks/,
    );
    run.when.deployed('sums', twice);
    await run.given('raw', [value('a', 8)]);
    await run.when.pass(minutes(21));
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 7 }]);
    expect(run.story().join('\n')).toMatch(/does not have what the log lacks/);
    run.when.deployed('sums', sums);
    await run.when.pass(minutes(21));
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 15 }]);
  });
});

test('whatever fails, a table that is made again of an archive has counted each event once', async () => {
  for (let seed = 0; seed < 2; seed++) expect(await playArchived(seed), `seed ${seed}`).toEqual([]);
});
