import { type PlayedSchedule, playedSchedule } from './played.ts';
import { scheduleOf, sweepSeeds } from './schedule.ts';
import type { Tally } from './tally.ts';

/**
 * Plays schedules that are aimed at the cells which others have missed, and adds them to the tally: those that broke a
 * promise.
 */
export async function swept(tally: Tally): Promise<readonly PlayedSchedule[]> {
  const broken: PlayedSchedule[] = [];
  for (const cell of tally.missed()) {
    for (const seed of sweepSeeds(cell)) {
      if (!tally.missed().includes(cell)) break;
      const played = await playedSchedule(scheduleOf(seed));
      tally.add(played);
      if (played.violations.length > 0) broken.push(played);
    }
  }
  return broken;
}
