import { expect, test } from 'vitest';
import { playForeignJoin } from './foreign-schedule.ts';

const SCHEDULES = 4;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'at rest, a join by a foreign key is the join of the latest rows, and so is its change stream, whatever fails (seed %i)',
  async (seed) => {
    expect(await playForeignJoin(seed)).toEqual([]);
  },
);
