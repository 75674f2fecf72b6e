import { expect, test } from 'vitest';
import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { chain, isRefused, type Row, turnOf } from './chain.ts';
import { playedSchedule } from './played.ts';
import type { Schedule } from './schedule.ts';

const rows = (from: number): Row[] =>
  Array.from({ length: 8 }, (_, index) => ({ n: from + index, from: 'a', to: `key-${index}` }));

// Each test is a schedule that found a bug, shrunk.

test('a lake sink that dies just before it marks a closed shard as ended goes on with the child shards', async () => {
  const run = await givenPipeline(chain);
  await run.given('end', rows(0), { key: 'to' });
  await run.settled();
  await run.when.resharded('end', 'split');
  run.when.fails('lake dynamodb.UpdateItem shard', 'killed before');
  await run.when.pass(minutes(4));
  expect(run.faults()).toHaveLength(1);
  await run.given('end', rows(100), { key: 'to' });
  await run.settled({ within: hours(2) });
  const lake = run
    .bucket('lake')
    .rows()
    .map((event) => (event as { data: unknown }).data);
  expect(inAnyOrder(lake)).toEqual(inAnyOrder([...rows(0), ...rows(100)]));
});

test.each([3, 4, 8])(
  'a scheduled sink that reads two shards at once does not blame an event of one shard when an event of the other kills it (seed %i)',
  async (seed) => {
    const run = await givenPipeline(chain, { seed });
    run.when.deadly('ledger', ({ data }) => ((data as Row).from === 'deadly' ? 'out of memory' : undefined));
    const [low, high] = [turnOf(0, false), turnOf(2, false)];
    await run.given('end', [{ n: 1, from: 'deadly', to: low }], { key: 'to' });
    await run.given('end', [{ n: 2, from: 'a', to: high }], { key: 'to' });
    expect(run.positions('ledger').map(({ recordsBehind }) => recordsBehind)).toEqual([1, 1]);
    await run.settled({ within: hours(12) });
    expect(run.deadLetters('ledger').map(({ text = '' }) => text.includes('deadly'))).toEqual([true]);
    expect(run.table('ledger')).toEqual([{ n: 2, from: 'a', to: high }]);
  },
);

test.each(['history', 'ledger'])(
  'a new process of the sink %s does not store a dead letter again that an operator may have handled',
  async (sink) => {
    const run = await givenPipeline(chain);
    run.when.refused(sink, (row) => (isRefused('history', row as Row) ? 'no_tens' : undefined));
    await run.given('end', [{ n: 10, from: 'a', to: 'key' }], { key: 'to' });
    await run.settled();
    const stored = (): number | undefined => run.calls().get(`${sink} s3.PutObject dead letters`);
    expect(stored()).toBe(1);
    run.when.killed(sink);
    await run.given('end', [{ n: 11, from: 'a', to: 'key' }], { key: 'to' });
    await run.settled();
    expect(run.table(sink)).toEqual([{ n: 11, from: 'a', to: 'key' }]);
    expect(stored()).toBe(1);
  },
);

test('a rewind sends again what is in flight in a child shard that was never committed, behind the events of its parent', async () => {
  const schedule: Schedule = {
    seed: 1113,
    actions: [
      { what: 'post', items: [{ n: 908, key: 'post-1' }] },
      { what: 'reshard', stream: 'raw', how: 'split' },
      {
        what: 'post',
        items: [
          { n: 930, key: 'post-1' },
          { n: 931, key: 'post-0' },
        ],
      },
      { what: 'pass', millis: minutes(2) },
      { what: 'rewind', step: 'first', to: 'earliest' },
    ],
    faults: [{ site: 'first dynamodb.UpdateItem shard', kind: 'timed out', after: 3 }],
    reshardings: [],
    chance: { most: 0, probability: 0 },
  };
  expect((await playedSchedule(schedule)).violations).toEqual([]);
});
