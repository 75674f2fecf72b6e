import { expect, test } from 'vitest';
import { explainedOfSinks, playSinks } from './play.ts';
import { sinksScheduleOf } from './schedule.ts';

/**
 * Quick schedules, which `npm test` plays; `npm run test:sinks -- --schedules 2000` plays any number, and plants every
 * mistake.
 */
const SEEDS = [0, 1, 2, 4, 5, 7];

test.each(SEEDS)(
  'sinks that are not in the chain have every event, or the last of each key, whatever fails (seed %i)',
  async (seed) => {
    const schedule = sinksScheduleOf(seed);
    if ((await playSinks(schedule)).violations.length > 0) expect.fail(await explainedOfSinks(schedule));
  },
);
