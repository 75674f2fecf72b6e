import { firstViolation, hunted, huntInThread, type Seeds } from '../faults/hunt.ts';
import type { Mistake } from '../faults/mistakes.ts';
import { plant } from '../faults/plant.ts';

const JUDGE = 'functions/table-state/judge-windows.ts';

/** Mistakes that somebody might make with windows and time. The schedules have to catch each of them. */
export const windowMistakes: Readonly<Record<string, Mistake>> = {
  /** Takes an event when the grace period is just over. */
  'grace-off-by-one': [
    { file: JUDGE, text: 'return end + graceMillis <= watermark;', mistake: 'return end + graceMillis < watermark;' },
  ],

  /** Lets an event that is dated ahead move the watermark beyond its arrival. */
  'no-cap': [
    {
      file: 'functions/runtime/time/batch-time.ts',
      text: 'Math.min(millis, arrivedMillis)',
      mistake: 'millis',
    },
  ],

  /** Lets a child shard begin without a time. */
  'child-without-time': [
    {
      file: 'functions/runtime/checkpoints/shard-states.ts',
      text: 'const clock = inherited.clocks.length === 0 ? undefined : inheritedClock(inherited.clocks, shard);',
      mistake: 'const clock = undefined;',
    },
  ],

  /** Judges by the clock on the wall: whether an event is late then depends on when it is processed. */
  'by-the-wall-clock': [
    {
      file: 'functions/runtime/time/batch-time.ts',
      text: 'watermark: watermarkFor(clock, hash)',
      mistake: 'watermark: Date.now()',
    },
  ],
};

/** The first seeds that catch a mistake, where that is not seed 0: a hunt begins there, to save time. */
const CAUGHT_AT: Readonly<Record<string, number>> = {
  'grace-off-by-one': 1,
  'child-without-time': 1,
  'by-the-wall-clock': 2,
};

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInWindows(mistake: string, schedules: number): Promise<string | undefined> {
  return hunted(import.meta.url, { mistake, from: CAUGHT_AT[mistake] ?? 0, most: schedules } satisfies Hunt);
}

interface Hunt extends Seeds {
  readonly mistake: string;
}

await huntInThread(import.meta.url, async ({ mistake, ...seeds }: Hunt) => {
  plant(mistake, windowMistakes[mistake] as Mistake);
  const { playWindows } = await import('./windows-schedule.ts');
  return await firstViolation(playWindows, seeds);
});
