import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ReaderName, type Schedules, startSchedules } from './run.ts';

/** A sample: `npm run test:horizon` performs 10,000. */
const COUNT = 6;

let schedules: Schedules;
beforeAll(async () => {
  schedules = await startSchedules();
});
afterAll(() => schedules.close());

test('a table that is read by the horizon loses no row, doubles none, and keeps their order, whatever overlaps and dies', async () => {
  for (let number = 1; number <= COUNT; number++) {
    const outcome = await schedules.perform(number, 'source');
    expect(outcome, `schedule ${number}`).toEqual({ lost: [], doubled: [], late: [] });
  }
});

test.each<ReaderName>(['by id', 'up to the newest'])(
  'the schedules find rows that are lost when a table is read %s',
  async (reader) => {
    let lost = 0;
    for (let number = 1; number <= COUNT && lost === 0; number++)
      lost += (await schedules.perform(number, reader)).lost.length;
    expect(lost).toBeGreaterThan(0);
  },
);
