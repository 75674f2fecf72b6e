import type { Cell } from './cells.ts';
import { type PlayedSchedule, playedSchedule } from './played.ts';
import { disturbanceFor, SWEEP_CELLS, scheduleOf, sweepSeeds } from './schedule.ts';
import type { Tally } from './tally.ts';

/**
 * Plays schedules that aim at the cells that no schedule has met, and adds them to the tally: at several cells at once
 * first, then at each that these have missed too. Resolves to the broken ones.
 */
export async function swept(tally: Tally): Promise<readonly PlayedSchedule[]> {
  const broken: PlayedSchedule[] = [];
  const play = async (seed: number): Promise<void> => {
    const played = await playedSchedule(scheduleOf(seed));
    tally.add(played);
    if (played.violations.length > 0) broken.push(played);
  };
  for (const group of groupsOf(tally.missed())) await play(sweepSeeds(group)[0] as number);
  for (const cell of tally.missed()) {
    for (const seed of sweepSeeds([cell])) {
      if (!tally.missed().includes(cell)) break;
      await play(seed);
    }
  }
  return broken;
}

/** Groups cells that need the same operator's command. Neighbours in the list, which fail one call, come apart. */
function groupsOf(cells: readonly Cell[]): readonly (readonly Cell[])[] {
  return [...Map.groupBy(cells, disturbanceFor).values()].flatMap((same) => {
    const count = Math.ceil(same.length / SWEEP_CELLS);
    return Array.from({ length: count }, (_, group) => same.filter((_cell, index) => index % count === group));
  });
}
