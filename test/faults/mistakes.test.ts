import { expect, test } from 'vitest';
import { caught } from './caught.ts';
import { caughtFrom, mistakes } from './mistakes.ts';

/** Those that `npm test` plays. */
const SCHEDULES = 500;

test.each(Object.keys(mistakes))('the mistake %s is caught by what has to be everywhere', async (mistake) => {
  const from = caughtFrom[mistake] ?? 0;
  const first = await caught({ mistake, from, most: SCHEDULES - from });
  expect(first, `no schedule from ${from} to ${SCHEDULES - 1} is broken`).toBeDefined();
  expect(first?.violation).toMatch(/^(history|ledger|latest|lake|raw|dead letters|after 720 minutes)/);
});
