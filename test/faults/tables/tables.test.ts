import { expect, test } from 'vitest';
import { explainedTables, playedTables } from './play.ts';
import { tablesScheduleOf } from './schedule.ts';

/** How many schedules `npm test` plays; `npm run test:faults -- --only tables` plays any number. */
const SCHEDULES = 10;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'tables of tables and the readers of their changes hold what follows from the input, once, whatever fails (seed %i)',
  async (seed) => {
    const schedule = tablesScheduleOf(seed);
    if ((await playedTables(schedule)).violations.length > 0) expect.fail(await explainedTables(schedule));
  },
);

test('a batch that has nothing new does not bring back dead letters that were redriven', async () => {
  expect((await playedTables(tablesScheduleOf(201))).violations).toEqual([]);
});
