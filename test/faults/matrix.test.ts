import { expect, test } from 'vitest';
import { explained } from './failure.ts';
import { playedSchedule } from './played.ts';
import { scheduleOf } from './schedule.ts';
import { swept } from './sweep.ts';
import { newTally } from './tally.ts';

/** How many schedules to play from seed 0 on. `npm run test:faults` plays as many as one likes. */
const SCHEDULES = 48;
const AT_ONCE = 16;

const tally = newTally();

test.each(
  Array.from({ length: SCHEDULES / AT_ONCE }, (_, part) => ({
    from: part * AT_ONCE,
    to: (part + 1) * AT_ONCE - 1,
  })),
)(
  'every sink holds what follows from the input, once and in order, whatever fails (schedules $from to $to)',
  async ({ from, to }) => {
    for (let seed = from; seed <= to; seed++) {
      const played = await playedSchedule(scheduleOf(seed));
      tally.add(played);
      if (played.violations.length > 0) expect.fail(await explained(scheduleOf(seed)));
    }
  },
);

test('the schedules contain every kind of fault at every call of every step', async () => {
  const [broken] = await swept(tally);
  if (broken !== undefined) expect.fail(await explained(broken));
  console.log(tally.table());
  expect(tally.gaps()).toEqual([]);
});
