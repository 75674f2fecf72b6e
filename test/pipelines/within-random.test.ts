import { expect, test } from 'vitest';
import { playWithin } from './within-schedule.ts';

test.each([0, 1])(
  'a join within a time has each pair once, and each event without a partner once, whatever fails (seed %i)',
  async (seed) => {
    expect(await playWithin(seed)).toEqual([]);
  },
);
