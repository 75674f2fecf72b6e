import { hunted, huntInThread } from '../faults/hunt.ts';
import { plant } from '../faults/plant.ts';
import { mistakesInLake } from './mistakes.ts';

interface Hunt {
  readonly mistake: string;
  /** How many schedules to play at most. */
  readonly most: number;
}

export interface Catch {
  readonly seed: number;
  readonly violation: string;
}

/**
 * Plants a mistake in a thread of its own and plays schedules until one breaks. Resolves to undefined when none does.
 */
export function caughtInLake(hunt: Hunt): Promise<Catch | undefined> {
  return hunted(import.meta.url, hunt);
}

await huntInThread(import.meta.url, async ({ mistake, most }: Hunt): Promise<Catch | undefined> => {
  // The mistake has to be planted before the modules that it changes are loaded.
  plant(mistake, mistakesInLake[mistake] ?? []);
  const { playLake } = await import('./play.ts');
  const { lakeScheduleOf } = await import('./schedule.ts');
  for (let seed = 0; seed < most; seed++) {
    const { violations } = await playLake(lakeScheduleOf(seed));
    if (violations[0] !== undefined) return { seed, violation: violations[0] };
  }
  return undefined;
});
