import { hunted, huntInThread } from '../hunt.ts';
import { plant } from '../plant.ts';
import { mistakesInSinks } from './mistakes.ts';

interface Hunt {
  readonly mistake: string;
  /** The seeds of the schedules to play. */
  readonly seeds: readonly number[];
}

export interface Catch {
  readonly seed: number;
  readonly violation: string;
}

/**
 * Plants a mistake in a thread of its own and plays schedules until one breaks. Resolves to undefined when none does.
 */
export function caughtInSinks(hunt: Hunt): Promise<Catch | undefined> {
  return hunted(import.meta.url, hunt);
}

await huntInThread(import.meta.url, async ({ mistake, seeds }: Hunt): Promise<Catch | undefined> => {
  // The mistake has to be planted before the modules that it changes are loaded.
  plant(mistake, mistakesInSinks[mistake] ?? []);
  const { playSinks } = await import('./play.ts');
  const { sinksScheduleOf } = await import('./schedule.ts');
  for (const seed of seeds) {
    const { violations } = await playSinks(sinksScheduleOf(seed));
    if (violations[0] !== undefined) return { seed, violation: violations[0] };
  }
  return undefined;
});
