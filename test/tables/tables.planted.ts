import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Oracle, startOracle } from '../infra/sql/oracle.ts';
import { caughtInSqlTables, caughtInSqlTablesFrom, sqlTableMistakes } from './mistakes.ts';
import { prepareTruth } from './truth.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
  await prepareTruth(oracle);
});
afterAll(() => oracle.stop());

test.each(Object.keys(sqlTableMistakes))('the comparison catches the mistake %s', async (mistake) => {
  const from = caughtInSqlTablesFrom[mistake] ?? 0;
  expect(await caughtInSqlTables({ mistake, from, most: 10 - from, server: oracle.server })).toBeDefined();
});
