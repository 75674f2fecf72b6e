import { expect, test } from 'vitest';
import { explainedOfTables, playedOfTables } from '../of-tables.ts';
import { playTables } from './play.ts';
import { tablesScheduleOf } from './schedule.ts';

/** How many schedules `npm test` plays; `npm run test:faults -- --only tables` plays any number. */
const SCHEDULES = 10;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'tables of tables, windows, joins and the readers of their changes hold what follows from the input, once, whatever fails (seed %i)',
  async (seed) => {
    if ((await playedOfTables(seed)).violations.length > 0) expect.fail(await explainedOfTables(seed));
  },
);

test('a batch that has nothing new does not bring back dead letters that were redriven', async () => {
  expect((await playTables(tablesScheduleOf(201))).violations).toEqual([]);
});
