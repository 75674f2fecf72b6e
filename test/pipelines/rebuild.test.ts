import { describe, expect, test } from 'vitest';
import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { playKinds } from './rebuild-kinds-schedule.ts';
import { counted, playRebuilds, REFUSED_BY_FIRST, REFUSED_BY_OTHERS, sums, value, values } from './rebuild-schedule.ts';

const twice = counted(2, REFUSED_BY_OTHERS);

describe('a table whose code keeps other columns', () => {
  test('shows the former rows until it is made again of the whole log, and then goes on where it stood', async () => {
    const run = await givenPipeline(values);
    await run.given('raw', [value('a', 1), value('b', 2), value('a', 3)]);
    await run.settled();
    run.when.deployed('sums', twice);
    await run.when.pass(minutes(1));
    expect(inAnyOrder(run.table('sums'))).toEqual([
      { id: 'a', sum: 4 },
      { id: 'b', sum: 2 },
    ]);
    await run.given('raw', [value('b', 5)]);
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual([
      { id: 'a', sum: 8, count2: 2 },
      { id: 'b', sum: 14, count2: 2 },
    ]);
  });

  test('may go back to the former code in the middle, which finds its rows, or on to a third', async () => {
    const run = await givenPipeline(values);
    await run.given('raw', [value('a', 1), value('b', 2)]);
    await run.settled();
    run.when.deployed('sums', twice);
    run.when.fails('sums postgres.Commit', 'request lost', { after: 1, times: 3 });
    await run.given('raw', [value('a', 3)]);
    await run.when.pass(3_000);
    run.when.deployed('sums', sums);
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual([
      { id: 'a', sum: 4 },
      { id: 'b', sum: 2 },
    ]);
    run.when.deployed('sums', twice);
    run.when.fails('sums postgres.Commit', 'killed after', { after: 1 });
    await run.given('raw', [value('a', 5)]);
    run.when.deployed('sums', counted(3, REFUSED_BY_OTHERS));
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual(
      inAnyOrder([
        { id: 'a', sum: 27, count3: 3 },
        { id: 'b', sum: 6, count3: 1 },
      ]),
    );
  });

  test('makes dead letters of what it refuses, and an event that the code before refused counts once', async () => {
    const run = await givenPipeline(values);
    await run.given('raw', [value('a', REFUSED_BY_FIRST), value('a', REFUSED_BY_OTHERS), value('a', 1)]);
    await run.settled();
    expect(run.table('sums')).toEqual([{ id: 'a', sum: REFUSED_BY_OTHERS + 1 }]);
    expect(run.deadLetters('sums')).toMatchObject([{ message: expect.stringContaining('an unlucky number') }]);
    run.when.deployed('sums', twice);
    await run.given('raw', [value('b', 1)]);
    await run.settled();
    const rows = [
      { id: 'a', sum: 2 * REFUSED_BY_FIRST + 2, count2: 2 },
      { id: 'b', sum: 2, count2: 1 },
    ];
    expect(inAnyOrder(run.table('sums'))).toEqual(inAnyOrder(rows));
    const refused = expect.stringContaining('a number that is refused');
    expect(run.deadLetters('sums').map(({ message }) => message)).toEqual([
      expect.stringContaining('an unlucky number'),
      refused,
    ]);
    await run.when.redriven('sums');
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual(inAnyOrder(rows));
    expect(run.deadLetters('sums').map(({ message }) => message)).toEqual([refused]);
  });

  test('reports how long its events wait when it cannot be made again', async () => {
    const lags: number[] = [];
    const onLine = (step: string, line: string): void => {
      const { lagMillis, level } = JSON.parse(line) as { lagMillis?: number; level?: string };
      if (step === 'sums' && level === undefined) lags.push(lagMillis ?? 0);
    };
    const run = await givenPipeline(values, { onLine });
    await run.given('raw', [value('a', 1)]);
    await run.settled();
    run.when.deployed('sums', twice);
    await run.given('raw', [value('a', 3)]);
    await run.when.down('sums postgres', minutes(2));
    expect(Math.max(...lags)).toBeGreaterThan(minutes(1));
    await run.settled();
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 8, count2: 2 }]);
  });

  test('is not made again while its step is paused', async () => {
    const run = await givenPipeline(values);
    await run.given('raw', [value('a', 1)]);
    await run.settled();
    await run.when.paused('sums');
    run.when.deployed('sums', twice);
    await run.given('raw', [value('a', 2)]);
    await run.when.pass(minutes(5));
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 1 }]);
    await run.when.resumed('sums');
    await run.settled();
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 6, count2: 2 }]);
  });

  test('stops when the log has lost its first event, says since when the log reaches back, and what to do', async () => {
    const run = await givenPipeline(values, { pollMillis: minutes(10) });
    await run.given('raw', [value('a', 1)]);
    await run.settled();
    await run.when.pass(hours(25));
    await run.given('raw', [value('a', 2)]);
    await run.settled();
    run.when.deployed('sums', twice);
    await run.given('raw', [value('a', 4)]);
    await run.when.pass(minutes(11));
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 3 }]);
    expect(run.story().join('\n')).toMatch(
      /table values\/sums cannot be made again: the log of stream \S+ reaches back to 2026-01-01T01:\S+ only, and the first event of the table in shardId-00000000000\d came before 2026-01-02T01:\S+\. Undo a change of its code, or give the table step another name/,
    );
    run.when.deployed('sums', sums);
    await run.settled();
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 7 }]);
  });
});

describe('a table that an operator moves to earliest', () => {
  test('is made again of the whole log with the code that it has, while events come', async () => {
    const run = await givenPipeline(values);
    await run.given('raw', [value('a', 1), value('b', 2)]);
    await run.settled();
    // Other code of the same columns: nobody can see that from the state.
    const tenfold = { ...sums, read: (event: never) => sums.read(tenTimes(event)) } as typeof sums;
    run.when.deployed('sums', tenfold);
    await run.given('raw', [value('a', 3)]);
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual([
      { id: 'a', sum: 31 },
      { id: 'b', sum: 2 },
    ]);
    expect(await run.when.rewound('sums', 'earliest', { pulls: 1 })).toBeDefined();
    await run.given('raw', [value('b', 4)]);
    expect(await run.when.rewound('sums', 'earliest')).toBe(true);
    await run.settled();
    expect(inAnyOrder(run.table('sums'))).toEqual([
      { id: 'a', sum: 40 },
      { id: 'b', sum: 60 },
    ]);
  });

  test('goes on as it is when the log has lost its first event, and the operator hears why', async () => {
    const run = await givenPipeline(values, { pollMillis: minutes(10) });
    await run.given('raw', [value('a', 1)]);
    await run.settled();
    await run.when.pass(hours(25));
    await expect(run.when.rewound('sums', 'earliest')).rejects.toThrow(
      /table values\/sums cannot be made again: the log of stream \S+ reaches back to/,
    );
    await run.given('raw', [value('a', 2)]);
    await run.settled();
    expect(run.table('sums')).toEqual([{ id: 'a', sum: 3 }]);
  });
});

/** The event with ten times its number. */
function tenTimes(event: { readonly data: { readonly id: string; readonly n: number } }): never {
  const data = { ...event.data, n: event.data.n * 10 };
  return new Proxy(event, { get: (of, name) => (name === 'data' ? data : Reflect.get(of, name)) }) as never;
}

test('whatever fails while tables are made again and again, the last code has counted each event once', async () => {
  for (let seed = 0; seed < 5; seed++) expect(await playRebuilds(seed), `seed ${seed}`).toEqual([]);
});

test('whatever fails, the changes of a table that is made again and again add up to its rows at every commit', async () => {
  for (let seed = 100; seed < 106; seed++)
    expect(await playRebuilds(seed, { changes: true }), `seed ${seed}`).toEqual([]);
});

test.each(['windows', 'final windows', 'key'] as const)(
  'whatever fails while the code of a table gets another %s again and again, its changes add up to its rows',
  async (kind) => {
    for (let seed = 0; seed < 2; seed++) expect(await playKinds(seed, kind), `seed ${seed}`).toEqual([]);
  },
);
