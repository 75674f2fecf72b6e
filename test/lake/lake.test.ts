import { expect, test } from 'vitest';
import { explainedOfLake, playLake } from './play.ts';
import { lakeScheduleOf } from './schedule.ts';

/**
 * Those that `npm test` plays, quick ones; `npm run test:lake -- --schedules 2000` plays any number, and all mistakes.
 */
const SEEDS = [3, 13, 14, 17];

test.each(SEEDS)(
  'each event is one row of an Iceberg table, whatever fails, and whoever else commits (seed %i)',
  async (seed) => {
    const schedule = lakeScheduleOf(seed);
    if ((await playLake(schedule)).violations.length > 0) expect.fail(await explainedOfLake(schedule));
  },
);

test('a run that finds every shard leased says by its failure that the table was rolled back', async () => {
  const schedule = lakeScheduleOf(100_327);
  if ((await playLake(schedule)).violations.length > 0) expect.fail(await explainedOfLake(schedule));
});
