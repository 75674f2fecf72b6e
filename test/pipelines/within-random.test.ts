import { expect, test } from 'vitest';
import { caughtInWithin } from './within-mistakes.ts';
import { playWithin } from './within-schedule.ts';

test.each([0, 1])(
  'a join within a time has each pair once, and each event without a partner once, whatever fails (seed %i)',
  async (seed) => {
    expect(await playWithin(seed)).toEqual([]);
  },
);

test.each(['null-though-it-met', 'before-for-after', 'time-of-the-faster-side'])(
  'the schedules catch the mistake %s',
  async (mistake) => {
    expect(await caughtInWithin(mistake, 1)).toBeDefined();
  },
);
