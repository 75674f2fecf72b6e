import { type PlayedSchedule, playedSchedule } from './played.ts';
import { scheduleOf, sweepSeeds } from './schedule.ts';
import type { Tally } from './tally.ts';

/**
 * Plays schedules that aim at the cells that no schedule has met, and adds them to the tally. Resolves to the broken
 * ones.
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
