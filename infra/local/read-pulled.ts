import { setTimeout as delay } from 'node:timers/promises';
import { isPulled, type Runner } from './runner.ts';

/** The pause between two runs of a pulled source. */
const PULL_AGAIN_MILLIS = 1_000;

/**
 * Reads each pulled source again as soon as a run of it has ended; one with `every` at that interval of this machine.
 * Rejects when the signal aborts.
 */
export async function readPulled(
  { steps, runNow }: Pick<Runner, 'steps' | 'runNow'>,
  { everyMillis, signal }: { readonly everyMillis: number; readonly signal: AbortSignal },
): Promise<void> {
  await Promise.all(
    steps.filter(isPulled).map(async (step) => {
      for (;;) {
        await runNow(step);
        await delay(step.every === undefined ? PULL_AGAIN_MILLIS : everyMillis, undefined, { signal });
      }
    }),
  );
}
