import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';
import { caughtInLake } from './caught.ts';
import { mistakesInLake } from './mistakes.ts';
import { explainedOfLake, playLake } from './play.ts';
import { lakeScheduleOf } from './schedule.ts';

/** How many schedules `npm test` plays; `npm run test:lake -- --schedules 2000` plays any number, and all mistakes. */
const SCHEDULES = 4;

test.each(Array.from({ length: SCHEDULES }, (_, index) => index + 4))(
  'each event is one row of an Iceberg table, whatever fails, and whoever else commits (seed %i)',
  async (seed) => {
    const schedule = lakeScheduleOf(seed);
    if ((await playLake(schedule)).violations.length > 0) expect.fail(await explainedOfLake(schedule));
  },
);

test.each(['position-not-in-the-table'])('the schedules catch the mistake %s', async (mistake) => {
  expect(await caughtInLake({ mistake, most: 20 })).toBeDefined();
});

test('every mistake can still be planted', () => {
  const lost = Object.values(mistakesInLake)
    .flat()
    .filter(({ file, text }) => readFileSync(join(REPOSITORY, file), 'utf8').split(text).length !== 2);
  expect(lost, 'update test/lake/mistakes.ts').toEqual([]);
});
