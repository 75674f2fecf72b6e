import type { Driving } from '../../operation/control/rewind.ts';
import { FunctionFailed } from '../../operation/function-failed.ts';
import { openProgress } from '../reports/rewind-report.ts';

export interface Driven {
  /** `paused`: the step rests. `failed`: its function did, too often on end; what it said was told. */
  readonly outcome: 'done' | 'paused' | 'failed';
  readonly events: number;
}

/** Drives a step's function with progress on stderr. Rejects with the signal's reason when that aborts. */
export async function driven(
  name: string,
  signal: AbortSignal,
  work: (driving: Driving) => Promise<boolean>,
): Promise<Driven> {
  const progress = openProgress(name, (line) => console.error(line));
  try {
    const isDone = await work({ onProgress: progress.onProgress, signal });
    return { outcome: isDone ? 'done' : 'paused', events: progress.events() };
  } catch (error) {
    if (signal.aborted) console.error(`${name}: interrupted; said again, it goes on`);
    if (signal.aborted || !(error instanceof FunctionFailed)) throw error;
    console.error(`${error.message}\n${name}: given up for now; said again, it goes on`);
    return { outcome: 'failed', events: progress.events() };
  }
}
