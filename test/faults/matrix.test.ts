import { expect, test } from 'vitest';
import { explained } from './failure.ts';
import { playedSchedule } from './played.ts';
import { scheduleOf } from './schedule.ts';
import { swept } from './sweep.ts';
import { newTally } from './tally.ts';

const SCHEDULES = 500;
const AT_ONCE = 50;

const tally = newTally();

test.each(
  Array.from({ length: SCHEDULES / AT_ONCE }, (_, part) => ({ from: part * AT_ONCE, to: (part + 1) * AT_ONCE - 1 })),
)(
  'every sink has what the input and the pure transforms say, once and in order, whatever fails (schedules $from to $to)',
  async ({ from, to }) => {
    for (let seed = from; seed <= to; seed++) {
      const played = await playedSchedule(scheduleOf(seed));
      tally.add(played);
      if (played.violations.length > 0) expect.fail(await explained(scheduleOf(seed)));
    }
  },
);

test('every call of every step has met every kind of fault', async () => {
  const [broken] = await swept(tally);
  if (broken !== undefined) expect.fail(await explained(scheduleOf(broken.seed)));
  console.log(tally.table());
  expect(tally.gaps()).toEqual([]);
});
