import { expect, test } from 'vitest';
import { playWindows } from './windows-schedule.ts';

const SCHEDULES = 4;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'each event is in the one final row of its window or a late letter, as its place in the log says, whatever fails (seed %i)',
  async (seed) => {
    expect(await playWindows(seed)).toEqual([]);
  },
);
