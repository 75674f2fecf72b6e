import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
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

/** Plants a mistake in a thread of its own and plays schedules. Resolves to the first violation, if there is one. */
export function caughtInWindows(mistake: string, schedules: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { windowMistake: mistake, schedules } });
    worker.once('message', (violation: string) => {
      resolve(violation);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  });
}

async function hunt(name: string, schedules: number): Promise<void> {
  plant(name, windowMistakes[name] as Mistake);
  const { playWindows } = await import('./windows-schedule.ts');
  for (let seed = 0; seed < schedules; seed++) {
    const [violation] = await playWindows(seed).catch((error: Error) => [error.message]);
    if (violation !== undefined) return parentPort?.postMessage(violation);
  }
}

const given = workerData as { readonly windowMistake?: string; readonly schedules: number } | null;
if (!isMainThread && given?.windowMistake !== undefined) await hunt(given.windowMistake, given.schedules);
