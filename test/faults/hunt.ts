import { enableCompileCache } from 'node:module';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

interface Started {
  /** The module that hunts in this thread. */
  readonly hunter: string;
  readonly hunt: unknown;
}

/**
 * Runs a module in a thread of its own, because a planted mistake stays in all modules that are loaded after it. The
 * module calls `huntInThread`. Resolves to what it finds, and to undefined when it finds nothing.
 */
export function hunted<Found>(hunter: string, hunt: object): Promise<Found | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(hunter), { workerData: { hunter, hunt } satisfies Started });
    worker.once('message', (found: Found) => {
      resolve(found);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve(undefined));
  });
}

/** Hunts in a thread that `hunted` started for this module. Does nothing where the module is only imported. */
export async function huntInThread<Hunt, Found>(
  hunter: string,
  find: (hunt: Hunt) => Promise<Found | undefined>,
): Promise<void> {
  const started = workerData as Partial<Started> | null;
  if (isMainThread || started?.hunter !== hunter) return;
  // It halves the time that the thread takes to load its modules.
  enableCompileCache();
  const found = await find(started.hunt as Hunt);
  if (found !== undefined) parentPort?.postMessage(found);
}

/** Some seeds of schedules, in order. */
export interface Seeds {
  readonly from: number;
  readonly most: number;
}

/** Plays schedules until one breaks or throws. Resolves to its first violation, if there is one. */
export async function firstViolation(
  play: (seed: number) => Promise<readonly string[]>,
  { from, most }: Seeds,
): Promise<string | undefined> {
  for (let seed = from; seed < from + most; seed++) {
    const [violation] = await play(seed).catch((error: Error) => [error.message]);
    if (violation !== undefined) return violation;
  }
  return undefined;
}
