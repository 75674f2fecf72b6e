import { describe, expect, test } from 'vitest';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { givenPipeline } from '../kit/given.ts';
import { event } from '../kit/given-events.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { startPipelineRun } from '../kit/pipeline-run.ts';
import { Card, Customer, Score, tableJoinOf } from './join-fixture.ts';

const SELECT = 'CREATE TABLE cards AS SELECT';
const ON = 'ON s.id = c.customer_id';
const joins = {
  inner: await tableJoinOf(`${SELECT} s.id, c.segment, s.points FROM customers c JOIN scores s ${ON}`),
  left: await tableJoinOf(
    `${SELECT} c.customer_id AS id, c.segment, s.points FROM customers c LEFT JOIN scores s ${ON}`,
  ),
  right: await tableJoinOf(`${SELECT} s.id, c.segment, s.points FROM customers c RIGHT JOIN scores s ${ON}`),
  full: await tableJoinOf(
    `${SELECT} coalesce(c.customer_id, s.id) AS id, c.segment, s.points FROM customers c FULL JOIN scores s ${ON}`,
  ),
};
const best = await tableJoinOf(
  `${SELECT} s.id, c.segment, 100 / s.points AS points FROM customers c JOIN scores s ${ON} WHERE s.points < 50`,
);

const shopWith = (apply: typeof best) =>
  definePipeline({
    name: 'shop',
    streams: { customers: { schema: Customer }, scores: { schema: Score, shards: 2 }, changes: { schema: Card } },
    joins: { cards: { from: { customers: 'customers', scores: 'scores' }, apply, to: 'changes' } },
  });

const customer = (customer_id: string, segment: string, type = 'customer.changed') =>
  event({ type, key: customer_id, data: { customer_id, segment } });
const score = (id: string, points: number, type = 'score.changed') => event({ type, key: id, data: { id, points } });

test('a join of two tables is a table, which follows the rows of both, and whose changes are a stream', async () => {
  const run = await givenPipeline(shopWith(joins.inner));
  await run.given('customers', [customer('ann', 'Home'), customer('bob', 'Home')]);
  await run.given('scores', [score('ann', 1), score('cid', 2)]);
  await run.settled();
  expect(run.table('cards')).toEqual([{ id: 'ann', segment: 'Home', points: 1 }]);
  await run.given('scores', [score('ann', 3), score('bob', 4)]);
  await run.settled();
  await run.given('customers', [customer('ann', 'Home', 'customer.deleted')]);
  await run.settled();
  expect(run.table('cards')).toEqual([{ id: 'bob', segment: 'Home', points: 4 }]);
  const changes = run.stream('changes').events();
  expect(inAnyOrder(changes.map(({ type, key, data }) => ({ type, key, data })))).toEqual(
    inAnyOrder([
      { type: 'cards.inserted', key: 'ann', data: { id: 'ann', segment: 'Home', points: 1 } },
      { type: 'cards.updated', key: 'ann', data: { id: 'ann', segment: 'Home', points: 3 } },
      { type: 'cards.inserted', key: 'bob', data: { id: 'bob', segment: 'Home', points: 4 } },
      { type: 'cards.deleted', key: 'ann', data: { id: 'ann', segment: 'Home', points: 3 } },
    ]),
  );
});

test('a row for which WHERE is no longer true leaves the table, and comes back; one that cannot be made changes nothing', async () => {
  const run = await givenPipeline(shopWith(best));
  await run.given('customers', [customer('ann', 'Home')]);
  await run.given('scores', [score('ann', 10)]);
  await run.settled();
  expect(run.table('cards')).toEqual([{ id: 'ann', segment: 'Home', points: 10 }]);
  await run.given('scores', [score('ann', 60)]);
  await run.settled();
  expect(run.table('cards')).toEqual([]);
  await run.given('scores', [score('ann', 0), score('ann', 20)]);
  await run.settled();
  expect(run.table('cards')).toEqual([{ id: 'ann', segment: 'Home', points: 5 }]);
  expect(run.deadLetters('cards')).toMatchObject([{ reason: 'transform' }]);
});

describe('a join of two tables whose SELECT has changed', () => {
  const fewer = `${SELECT} c.customer_id AS id, c.segment, 1 AS points FROM customers c LEFT JOIN scores s ${ON}`;

  test('is made again of its stream when it reads no other columns, and tells the readers of its changes', async () => {
    const run = await givenPipeline(shopWith(joins.left));
    await run.given('customers', [customer('ann', 'Home'), customer('bob', 'Work')]);
    await run.given('scores', [score('ann', 3)]);
    await run.settled();
    run.when.deployed('cards', (await tableJoinOf(fewer)).keep as never);
    await run.given('customers', [customer('cid', 'Home')]);
    await run.settled();
    const rows = [
      { id: 'ann', segment: 'Home', points: 1 },
      { id: 'bob', segment: 'Work', points: 1 },
      { id: 'cid', segment: 'Home', points: 1 },
    ];
    expect(inAnyOrder(run.table('cards'))).toEqual(inAnyOrder(rows));
    const folded = new Map(
      run
        .stream('changes')
        .events()
        .map(({ key, data }) => [key, data]),
    );
    expect(inAnyOrder([...folded.values()])).toEqual(inAnyOrder(rows));
  });

  test('stops when it reads a column that its stream does not have, and goes on when the change is undone', async () => {
    const first = await tableJoinOf(fewer);
    const run = await givenPipeline(shopWith(first));
    await run.given('customers', [customer('ann', 'Home')]);
    await run.given('scores', [score('ann', 3)]);
    await run.settled();
    run.when.deployed('cards', joins.left.keep as never);
    await run.given('customers', [customer('bob', 'Home')]);
    await run.when.pass(60_000 as never);
    expect(run.table('cards')).toEqual([{ id: 'ann', segment: 'Home', points: 1 }]);
    expect(run.story().join('\n')).toContain('the stream of the join has only what its former code read');
    run.when.deployed('cards', first.keep as never);
    await run.settled();
    expect(run.table('cards')).toHaveLength(2);
  });
});

interface Side {
  readonly side: string;
  readonly key: string;
  readonly row: Readonly<Record<string, unknown>>;
}

test.each(Object.entries(joins))(
  'a %s join of two tables equals the join of their latest rows, whatever fails',
  async (kind, apply) => {
    for (const seed of [1, 2]) {
      const random = seededRandom(seed);
      const below = (count: number): number => Math.floor(random() * count);
      const run = await startPipelineRun(shopWith(apply), { seed, recordBytes: 2_000 });
      run.when.anythingFails({ most: 20, probability: 0.1 });
      for (let handful = 0; handful < 6; handful++) {
        const deleted = (): boolean => below(4) === 0;
        const some = <T>(make: () => T): readonly T[] => Array.from({ length: 1 + below(5) }, make);
        await run.given(
          'customers',
          some(() => customer(`c${below(6)}`, `s${below(9)}`, deleted() ? 'c.deleted' : 'c.set')),
        );
        await run.given(
          'scores',
          some(() => score(`c${below(6)}`, below(9), deleted() ? 's.deleted' : 's.set')),
        );
        if (below(3) === 0) run.when.killed('cards');
        if (below(3) === 0) await run.when.resharded('cards-by-key' as never, 'split');
        await run.when.pass(below(4) * 600);
      }
      await run.settled();
      const rows = { customers: new Map<string, Side['row']>(), scores: new Map<string, Side['row']>() };
      for (const { type, data } of run.stream('cards-by-key' as never).events()) {
        const { side, key, row } = data as Side;
        const table = rows[side as keyof typeof rows];
        if (type.endsWith('.deleted')) table.delete(key);
        else table.set(key, row);
      }
      const keys = [...new Set([...rows.customers.keys(), ...rows.scores.keys()])].filter(
        (key) =>
          (rows.customers.has(key) || kind === 'right' || kind === 'full') &&
          (rows.scores.has(key) || kind === 'left' || kind === 'full'),
      );
      const expected = keys.map((id) => ({
        id,
        segment: rows.customers.get(id)?.['c.segment'] ?? null,
        points: rows.scores.get(id)?.['s.points'] ?? null,
      }));
      expect(inAnyOrder(run.table('cards'))).toEqual(inAnyOrder(expected));
      const folded = new Map<string, unknown>();
      for (const { type, key, data } of run.stream('changes').events()) {
        if (type === 'cards.deleted') folded.delete(key);
        else folded.set(key, data);
      }
      expect(inAnyOrder([...folded.values()])).toEqual(inAnyOrder(expected));
    }
  },
);

test('a changed SELECT of other columns, and a changed ON, are another state', async () => {
  const { shape } = joins.inner.keep.state ?? {};
  const other = await tableJoinOf(`${SELECT} s.id, 'x' AS segment, s.points FROM customers c JOIN scores s ${ON}`);
  const fewer = await tableJoinOf(`${SELECT} s.id, c.segment, 1 AS points FROM customers c JOIN scores s ${ON}`);
  const again = await tableJoinOf(`${SELECT}  s.id, c.segment, s.points\nFROM customers c JOIN scores s ${ON}`);
  expect(new Set([shape, other.keep.state?.shape, fewer.keep.state?.shape]).size).toBe(3);
  expect(again.keep.state?.shape).toBe(shape);
});
