import { expect, test } from 'vitest';
import { caughtInSinks } from './caught.ts';

/** A seed that catches each of some mistakes; `npm run test:sinks` plants all of them. */
const CAUGHT_AT: Readonly<Record<string, number>> = {
  'documents-without-a-version': 5,
  'refused-with-all-of-its-key': 0,
  'inputs-deleted-first': 36,
  'webhook-in-no-order': 0,
  'numbered-from-no-parent': 1,
  'put-back-with-a-new-version': 6,
};

test.each(Object.entries(CAUGHT_AT))('the oracle catches the mistake %s', async (mistake, seed) => {
  expect(await caughtInSinks({ mistake, seeds: [seed] })).toBeDefined();
});
