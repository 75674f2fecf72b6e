import { expect, test } from 'vitest';
import { playTables } from './table-schedule.ts';

const SCHEDULES = 14;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'a table equals the fold of its log, whatever fails, also after its dead letters are redriven (seed %i)',
  async (seed) => {
    expect(await playTables(seed)).toEqual([]);
  },
);
