import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Oracle, startOracle } from '../infra/sql/oracle.ts';
import { seeded } from '../infra/sql/random.ts';
import { compareTables, differenceText, shrunk } from './compare.ts';
import { compiledTable } from './compiled.ts';
import { play } from './play.ts';
import { randomQuery, tableText } from './query.ts';
import { prepareTruth } from './truth.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
  await prepareTruth(oracle);
});
afterAll(() => oracle.stop());

test('a table in SQL shows at every committed position what Postgres answers, whatever fails', async () => {
  const { difference, comparisons, positions, rejections, late } = await compareTables(oracle, {
    queries: 10,
    streams: 5,
    seed: 1,
  });
  expect(difference && differenceText(await shrunk(oracle, difference))).toBeUndefined();
  expect(comparisons).toBe(50);
  expect(positions).toBeGreaterThan(300);
  expect(rejections).toBeGreaterThan(5);
  expect(late).toBeGreaterThan(50);
});

test('two steps that read the same log make the same final rows, byte for byte, whatever fails in each of them', async () => {
  const random = seeded(3);
  for (const kind of ['tumbling', 'hopping', 'session'] as const) {
    const { window, ...query } = randomQuery(random, { windows: true });
    if (window === undefined) throw new Error('the query has no window');
    const text = tableText(
      {
        ...query,
        having: undefined,
        window: {
          ...window,
          kind,
          size: 60,
          advance: kind === 'hopping' ? 30 : 60,
          retention: undefined,
          emit: 'final',
        },
      },
      't0',
    );
    const { table } = await compiledTable(text, 't0');
    const { tables } = await play([table, table], { seed: 1 });
    const [first, again] = tables.map(({ changes }) => changes.map(({ key, row }) => `${key} ${row}`).toSorted());
    expect(first?.length).toBeGreaterThan(3);
    expect(again).toEqual(first);
  }
});
