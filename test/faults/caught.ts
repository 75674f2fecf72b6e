import { hunted, huntInThread } from './hunt.ts';
import { plantMistake } from './plant.ts';

interface Hunt {
  readonly mistake: string;
  /** The first seed to play. */
  readonly from: number;
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
export function caught(hunt: Hunt): Promise<Catch | undefined> {
  return hunted(import.meta.url, hunt);
}

await huntInThread(import.meta.url, async ({ mistake, from, most }: Hunt): Promise<Catch | undefined> => {
  // The mistake has to be planted before the modules that it changes are loaded.
  plantMistake(mistake);
  const { play } = await import('./play.ts');
  const { scheduleOf } = await import('./schedule.ts');
  for (let seed = from; seed < from + most; seed++) {
    const { violations } = await play(scheduleOf(seed));
    if (violations[0] !== undefined) return { seed, violation: violations[0] };
  }
  return undefined;
});
