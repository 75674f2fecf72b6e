import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareWithPostgres } from './differential.ts';
import type { Oracle } from './oracle.ts';
import { startOracle } from './oracle.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await startOracle();
});
afterAll(() => oracle.stop());

test('2,000 random expressions give what Postgres gives, on rows of nulls, extremes and ordinary values', async () => {
  const seed = Number(fc.readConfigureGlobal()?.seed ?? 1);
  const report = await compareWithPostgres(oracle, { cases: 2000, seed });
  const shown = report.differences.map(({ sql, detail }) => `${sql}\n  ${detail}`).join('\n\n');
  expect(shown === '' ? 'no difference' : `seed ${seed}\n${shown}`).toBe('no difference');
  // A generator that only made errors or refusals would prove nothing.
  expect(report.refused).toBeLessThan(report.cases / 10);
  expect(report.errors).toBeLessThan(report.cases);
}, 120_000);
