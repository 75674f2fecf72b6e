import { expect, test } from 'vitest';
import { caughtInTables, tableMistakes } from './table-mistakes.ts';

/** The first seed that catches each mistake: whoever adds one plays the seeds of its kind until one breaks. */
const CAUGHT_AT: Readonly<Record<string, number>> = {
  'answer-of-another-version-taken': 30,
  'null-though-it-met': 6,
  'readers-not-told': 7,
  'latest-version-met': 6,
  'page-without-places': 3,
};

test.each(Object.keys(tableMistakes))('the schedules of tables catch the mistake %s', async (mistake) => {
  expect(await caughtInTables({ mistake, seeds: [CAUGHT_AT[mistake] ?? 0] })).toBeDefined();
});
