import { expect, test } from 'vitest';
import { caught } from './caught.ts';
import { caughtFrom, mistakes } from './mistakes.ts';
import { ENOUGH_SCHEDULES } from './schedule.ts';

test.each(Object.keys(mistakes))(
  `the oracle catches the mistake %s within ${ENOUGH_SCHEDULES} schedules`,
  async (mistake) => {
    const from = caughtFrom[mistake] ?? 0;
    const first = await caught({ mistake, from, most: ENOUGH_SCHEDULES - from });
    expect(first, `no schedule from ${from} to ${ENOUGH_SCHEDULES - 1} breaks`).toBeDefined();
    expect(first?.violation).toMatch(/^(history|ledger|latest|lake|raw|dead letters|after 360 minutes)/);
  },
);
