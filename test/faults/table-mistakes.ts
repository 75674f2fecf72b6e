import { foreignMistakes } from '../pipelines/foreign-mistakes.ts';
import { rebuildMistakes } from '../pipelines/rebuild-mistakes.ts';
import { withinMistakes } from '../pipelines/within-mistakes.ts';
import { hunted, huntInThread } from './hunt.ts';
import type { Mistake } from './mistakes.ts';
import { plant } from './plant.ts';

/** Mistakes that somebody might make. The schedules of tables have to catch each of them. */
export const tableMistakes: Readonly<Record<string, Mistake>> = {
  ...picked(foreignMistakes, 'answer-of-another-version-taken'),
  ...picked(withinMistakes, 'null-though-it-met'),
  ...picked(rebuildMistakes, 'readers-not-told'),

  /** Lets an event meet the row as it stands, and not as it was at the time of the event. */
  'latest-version-met': [
    {
      file: 'functions/runtime/sql/joins/versions.ts',
      text: 'return list.findLast((version) => version.micros <= micros)?.row;',
      mistake: 'return list.at(-1)?.row;',
    },
  ],

  /** Appends the events of a pulled source without their places: readers cannot drop those of a repeated page. */
  'page-without-places': [
    { file: 'functions/runtime/pull/append-page.ts', text: 'sequence: place,', mistake: 'sequence: undefined,' },
  ],
};

function picked(mistakes: Readonly<Record<string, Mistake>>, name: string): Readonly<Record<string, Mistake>> {
  const mistake = mistakes[name];
  if (mistake === undefined) throw new Error(`there is no mistake '${name}'`);
  return { [name]: mistake };
}

interface Hunt {
  readonly mistake: string;
  readonly seeds: readonly number[];
}

/**
 * Plants a mistake in a thread of its own and plays the schedules of tables of these seeds. Resolves to the first
 * violation, if there is one.
 */
export function caughtInTables(hunt: Hunt): Promise<string | undefined> {
  return hunted(import.meta.url, hunt);
}

await huntInThread(import.meta.url, async ({ mistake, seeds }: Hunt) => {
  plant(mistake, tableMistakes[mistake] as Mistake);
  const { playedOfTables } = await import('./of-tables.ts');
  for (const seed of seeds) {
    const [violation] = (await playedOfTables(seed)).violations;
    if (violation !== undefined) return `${seed}: ${violation}`;
  }
  return undefined;
});
