import type { Cell } from './cells.ts';
import { playedSchedule } from './played.ts';
import { type AimedAt, aimedSchedule, disturbanceFor, type Schedule } from './schedule.ts';
import type { Tally } from './tally.ts';

/** How many missed cells a schedule aims at, in the first round and in those after it. The last size is repeated. */
const SIZES = [14, 5, 2, 1];
const ROUNDS = 16;

/**
 * Plays schedules that aim at the cells that no schedule has met, and that contain the disturbances that never
 * happened, and adds them to the tally: at many cells at once first, then at fewer. Resolves to the broken ones.
 */
export async function swept(tally: Tally): Promise<readonly Schedule[]> {
  const broken: Schedule[] = [];
  const play = async (aimed: AimedAt): Promise<void> => {
    const schedule = aimedSchedule(aimed);
    const played = await playedSchedule(schedule);
    tally.add(played);
    if (played.violations.length > 0) broken.push(schedule);
  };
  for (let attempt = 0; attempt < ROUNDS && tally.missed().length > 0; attempt++) {
    const missing = [...tally.missing()];
    for (const cells of groupsOf(tally.missed(), SIZES[attempt] ?? 1)) {
      if (!tally.missed().some((cell) => cells.includes(cell))) continue;
      const isFree = disturbanceFor(cells[0] as Cell) === undefined;
      await play({ cells, disturbance: isFree ? missing.pop() : undefined, attempt });
    }
  }
  for (const disturbance of tally.missing()) await play({ cells: [], disturbance, attempt: 0 });
  return broken;
}

/** Groups cells that need the same operator's command. Neighbours in the list, which fail one call, come apart. */
function groupsOf(cells: readonly Cell[], size: number): readonly (readonly Cell[])[] {
  return [...Map.groupBy(cells, disturbanceFor).values()].flatMap((same) => {
    const count = Math.ceil(same.length / size);
    return Array.from({ length: count }, (_, group) => same.filter((_cell, index) => index % count === group));
  });
}
