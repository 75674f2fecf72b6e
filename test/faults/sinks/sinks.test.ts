import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../../infra/repository.ts';
import { caughtInSinks } from './caught.ts';
import { mistakesInSinks } from './mistakes.ts';
import { explainedOfSinks, playSinks } from './play.ts';
import { sinksScheduleOf } from './schedule.ts';

/** How many schedules `npm test` plays; `npm run test:sinks -- 2000` plays any number, and plants every mistake. */
const SCHEDULES = 6;

test.each(Array.from({ length: SCHEDULES }, (_, seed) => seed))(
  'sinks that are not in the chain have every event, or the last of each key, whatever fails (seed %i)',
  async (seed) => {
    const schedule = sinksScheduleOf(seed);
    if ((await playSinks(schedule)).violations.length > 0) expect.fail(await explainedOfSinks(schedule));
  },
);

test.each(['webhook-in-no-order', 'numbered-from-no-parent'])('the oracle catches the mistake %s', async (mistake) => {
  expect(await caughtInSinks({ mistake, most: SCHEDULES })).toBeDefined();
});

test('every mistake can still be planted', () => {
  const lost = Object.values(mistakesInSinks)
    .flat()
    .filter(({ file, text }) => readFileSync(join(REPOSITORY, file), 'utf8').split(text).length !== 2);
  expect(lost, 'update test/faults/sinks/mistakes.ts').toEqual([]);
});
