import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Oracle, startOracle } from '../infra/sql/oracle.ts';
import { compareTables, differenceText, shrunk } from './compare.ts';
import { caughtInSqlTables, sqlTableMistakes } from './mistakes.ts';
import { prepareTruth } from './truth.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
  await prepareTruth(oracle);
});
afterAll(() => oracle.stop());

test('a table in SQL shows at every committed position what Postgres answers, whatever fails', async () => {
  const { difference, comparisons, positions, rejections } = await compareTables(oracle, {
    queries: 10,
    streams: 5,
    seed: 1,
  });
  expect(difference && differenceText(await shrunk(oracle, difference))).toBeUndefined();
  expect(comparisons).toBe(50);
  expect(positions).toBeGreaterThan(300);
  expect(rejections).toBeGreaterThan(5);
});

test.each(Object.keys(sqlTableMistakes))('the comparison catches the mistake %s', async (mistake) => {
  expect(await caughtInSqlTables({ mistake, from: 0, most: 10, server: oracle.server })).toBeDefined();
});
