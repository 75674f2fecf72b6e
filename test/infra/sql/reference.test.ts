import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FUNCTIONS } from '../../../infra/sql/catalog/functions.ts';
import { referencePage } from '../../../infra/sql/reference.ts';

test('docs/sql.md is up to date with `node infra/sql/reference.ts`', async () => {
  const page = readFileSync(new URL('../../../docs/sql.md', import.meta.url), 'utf8');
  expect(page).toBe(await referencePage());
});

test('at least 60 functions are supported', () => {
  expect(new Set(FUNCTIONS.map(({ name }) => name)).size).toBeGreaterThanOrEqual(60);
});
