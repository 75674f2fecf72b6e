import { expect, test } from 'vitest';
import { explainedOfTables, playedOfTables } from '../of-tables.ts';
import { playTables } from './play.ts';
import { tablesScheduleOf } from './schedule.ts';

/**
 * What `npm test` plays, some of each kind and few that last for hours; `npm run test:faults -- --only tables` plays
 * any number.
 */
const SEEDS = [0, 5, 6, 7, 8, 10, 11, 13];

test.each(SEEDS)(
  'tables, windows, joins, a pulled source and the readers of their changes hold what follows from the input, once, whatever fails (seed %i)',
  async (seed) => {
    if ((await playedOfTables(seed)).violations.length > 0) expect.fail(await explainedOfTables(seed));
  },
);

test('a batch that has nothing new does not bring back dead letters that were redriven', async () => {
  expect((await playTables(tablesScheduleOf(201))).violations).toEqual([]);
});
