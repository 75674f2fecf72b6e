import { expect, test } from 'vitest';
import { caughtInTables, tableMistakes } from './table-mistakes.ts';

/** The first seed that catches each mistake: whoever adds one plays the seeds of its kind until one breaks. */
const CAUGHT_AT: Readonly<Record<string, number>> = {
  'answer-of-another-version-taken': 37,
  'null-though-it-met': 7,
  'readers-not-told': 8,
  'latest-version-met': 7,
  'page-without-places': 3,
};

test.each(Object.keys(tableMistakes))('the schedules of tables catch the mistake %s', async (mistake) => {
  expect(await caughtInTables({ mistake, seeds: [CAUGHT_AT[mistake] ?? 0] })).toBeDefined();
});
