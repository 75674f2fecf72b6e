import { expect, test } from 'vitest';
import { caughtInWithin, withinMistakes } from './within-mistakes.ts';
import { playWithin } from './within-schedule.ts';

const SCHEDULES = 4;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'a join within a time has each pair once, and each event without a partner once, whatever fails (seed %i)',
  async (seed) => {
    expect(await playWithin(seed)).toEqual([]);
  },
);

test.each(Object.keys(withinMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInWithin(mistake, SCHEDULES)).toBeDefined();
});
