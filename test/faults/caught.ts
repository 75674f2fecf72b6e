import { enableCompileCache } from 'node:module';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
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
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: hunt });
    worker.once('message', (found: Catch) => {
      resolve(found);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  });
}

async function hunt({ mistake, from, most }: Hunt): Promise<void> {
  // It halves the time that the thread takes to load its modules.
  enableCompileCache();
  // The mistake has to be planted before the modules that it changes are loaded.
  plantMistake(mistake);
  const { play } = await import('./play.ts');
  const { scheduleOf } = await import('./schedule.ts');
  for (let seed = from; seed < from + most; seed++) {
    const { violations } = await play(scheduleOf(seed));
    if (violations[0] !== undefined) return parentPort?.postMessage({ seed, violation: violations[0] } satisfies Catch);
  }
}

if (!isMainThread && parentPort !== null && (workerData as Partial<Hunt> | null)?.mistake !== undefined)
  await hunt(workerData as Hunt);
