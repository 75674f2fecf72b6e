import { expect, test } from 'vitest';
import { caughtInTables, tableMistakes } from './table-mistakes.ts';

test.each(Object.keys(tableMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInTables(mistake, 14)).toBeDefined();
});
