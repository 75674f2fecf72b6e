import { expect, test } from 'vitest';
import { caughtInJoins, joinMistakes } from './join-mistakes.ts';
import { playJoin } from './join-schedule.ts';

const SCHEDULES = 6;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'each order meets the row of its customer at its place of the log, once, whatever fails (seed %i)',
  async (seed) => {
    expect(await playJoin(seed)).toEqual([]);
  },
);

test.each(Object.keys(joinMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInJoins(mistake, SCHEDULES)).toBeDefined();
});
