import { expect, test } from 'vitest';
import { explained } from './failure.ts';
import { playedSchedule } from './played.ts';
import { ENOUGH_SCHEDULES, scheduleOf } from './schedule.ts';
import { swept } from './sweep.ts';
import { newTally } from './tally.ts';

const AT_ONCE = 40;

const tally = newTally();

test.each(
  Array.from({ length: ENOUGH_SCHEDULES / AT_ONCE }, (_, part) => ({
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
  if (broken !== undefined) expect.fail(await explained(scheduleOf(broken.seed)));
  console.log(tally.table());
  expect(tally.gaps()).toEqual([]);
});
