import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Report } from './comparison.ts';
import { compareExpressions } from './expression-differential.ts';
import { compareGrouped } from './grouped-differential.ts';
import { compareJoins } from './join-differential.ts';
import type { Oracle } from './oracle.ts';
import { startOracle } from './oracle.ts';
import { compareStatements } from './statement-differential.ts';
import { compareWindowed } from './windowed-differential.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
});
afterAll(() => oracle.stop());

const seed = Number(fc.readConfigureGlobal()?.seed ?? 1);

test('1,000 random expressions have the same results as in Postgres, on nulls, extremes and ordinary values', async () => {
  expectSame(await compareExpressions(oracle, { cases: 1000, seed }));
});

test('500 random statements have the same outputs as in Postgres, scanned, through JSON.parse and from a file', async () => {
  expectSame(await compareStatements(oracle, { cases: 500, seed }));
});

test('200 random statements with groups have the same outputs as in Postgres, with their states in memory and in columns', async () => {
  expectSame(await compareGrouped(oracle, { cases: 200, seed }));
});

test('100 random joins of two inputs have the same rows as in Postgres, with keys of all types, nulls and groups', async () => {
  expectSame(await compareJoins(oracle, { cases: 100, seed }));
});

test('100 random statements with windows have the answer of date_bin, generate_series and window functions in Postgres', async () => {
  expectSame(await compareWindowed(oracle, { cases: 100, seed }));
});

function expectSame({ cases, unsupported, errors, differences }: Report): void {
  const shown = differences.map(({ sql, detail }) => `${sql}\n  ${detail}`).join('\n\n');
  expect(shown === '' ? 'no difference' : `seed ${seed}\n${shown}`).toBe('no difference');
  // A generator that made only errors or unsupported statements would prove nothing.
  expect(unsupported).toBeLessThan(cases / 10);
  expect(errors).toBeLessThan(cases);
}
