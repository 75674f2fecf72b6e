import { expect, test } from 'vitest';
import { playJoin } from './join-schedule.ts';

const SCHEDULES = 6;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'each order meets the row of its customer at its place of the log, once, whatever fails (seed %i)',
  async (seed) => {
    expect(await playJoin(seed)).toEqual([]);
  },
);
