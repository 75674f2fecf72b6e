import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

const FOLD = 'functions/table-state/fold-waiting.ts';
const JOIN = 'functions/runtime/sql/sql-within-join.ts';

/** Mistakes that somebody might make with joins within a time. The schedules have to catch each of them. */
export const withinMistakes: Readonly<Record<string, Mistake>> = {
  /** Takes an event when the grace period is just over. */
  'late-off-by-one': [
    {
      file: 'functions/runtime/time/judge-event.ts',
      text: 'if (Date.parse(time) + graceMillis > watermark) return;',
      mistake: 'if (Date.parse(time) + graceMillis >= watermark) return;',
    },
  ],

  /** Lets an event come out alone though it has met one before. */
  'null-though-it-met': [{ file: FOLD, text: 'if (other.window?.isOpen)', mistake: 'if (false)' }],

  /** Lets an event come out alone that met one as soon as it came. */
  'null-with-a-match': [
    {
      file: FOLD,
      text: 'const isOpen = met.length === 0 && pairing.comesAlone();',
      mistake: 'const isOpen = pairing.comesAlone();',
    },
  ],

  /** Takes the times before for those after. */
  'before-for-after': [
    {
      file: JOIN,
      text: "side === 'left' ? [before, after] : [after, before];",
      mistake: "side === 'left' ? [after, before] : [before, after];",
    },
  ],

  /** Lets the side that is ahead decide what time it is. */
  'time-of-the-faster-side': [
    {
      file: 'functions/runtime/time/clock.ts',
      text: 'const lowest = Math.min(...sides',
      mistake: 'const lowest = Math.max(...sides',
    },
  ],

  /** Never deletes an event that has met one. */
  'kept-for-ever': [{ file: 'functions/table-state/slice.ts', text: 'await dropWaiting(', mistake: 'void (' }],
};

/** The first seeds that catch a mistake, where that is not seed 0: a hunt begins there, to save time. */
const CAUGHT_AT: Readonly<Record<string, number>> = { 'time-of-the-faster-side': 6 };

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInWithin(mistake: string, schedules: number): Promise<string | undefined> {
  return hunted(import.meta.url, { mistake, from: CAUGHT_AT[mistake] ?? 0, most: schedules } satisfies Hunt);
}

interface Hunt extends Seeds {
  readonly mistake: string;
}

await huntInThread(import.meta.url, async ({ mistake, ...seeds }: Hunt) => {
  plant(mistake, withinMistakes[mistake] as Mistake);
  const { playWithin } = await import('./within-schedule.ts');
  return await firstViolation(playWithin, seeds);
});
