import { expect, test } from 'vitest';
import { caughtInWindows, windowMistakes } from './windows-mistakes.ts';
import { playWindows } from './windows-schedule.ts';

const SCHEDULES = 4;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'each event is in the one final row of its window or a late letter, as its place in the log says, whatever fails (seed %i)',
  async (seed) => {
    expect(await playWindows(seed)).toEqual([]);
  },
);

test.each(Object.keys(windowMistakes))('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInWindows(mistake, 20)).toBeDefined();
});
