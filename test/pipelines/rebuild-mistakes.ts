import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

/** Mistakes that somebody might make where tables are made again. The schedules have to catch each of them. */
export const rebuildMistakes: Readonly<Record<string, Mistake>> = {
  /** Counts an event that was put back although its original has counted in the new state. */
  'put-back-counts-again': [
    {
      file: 'functions/table-state/redriven.ts',
      text: '!(await of.has(refused))) return true;',
      mistake: '!(await of.has(refused))) return false;',
    },
  ],

  /** Takes the whole record that the position is inside of: its last events count in the new state and once more. */
  'filled-beyond-the-position': [
    {
      file: 'functions/runtime/batches/batch.ts',
      text: 'earlierOf(upTo, facts.until)',
      mistake: 'upTo',
    },
  ],

  /** Goes on with the new rows, and never tells the readers of the changes how these differ from the former. */
  'readers-not-told': [
    {
      file: 'functions/runtime/rebuild/rebuild.ts',
      text: "if (left.kind === 'corrections') return publishCorrections(sink, left, turn);",
      mistake: "if (left.kind === 'corrections') return left.end(signal).then(() => true);",
    },
  ],
};

/** The first seeds that catch a mistake, where that is not seed 0: a hunt begins there, to save time. */
const CAUGHT_AT: Readonly<Record<string, number>> = { 'filled-beyond-the-position': 1 };

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInRebuilds(mistake: string, schedules: number): Promise<string | undefined> {
  return hunted(import.meta.url, { mistake, from: CAUGHT_AT[mistake] ?? 0, most: schedules } satisfies Hunt);
}

interface Hunt extends Seeds {
  readonly mistake: string;
}

await huntInThread(import.meta.url, async ({ mistake, ...seeds }: Hunt) => {
  plant(mistake, rebuildMistakes[mistake] as Mistake);
  const { playRebuilds } = await import('./rebuild-schedule.ts');
  return await firstViolation((seed) => playRebuilds(seed, { changes: true }), seeds);
});
