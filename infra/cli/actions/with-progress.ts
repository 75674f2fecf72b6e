import type { ProgressOptions } from '../../operation/control/rewind.ts';
import { FunctionFailed } from '../../operation/function-failed.ts';
import { printError } from '../../terminal.ts';
import { openProgress } from '../reports/rewind-report.ts';

export interface Finished {
  /** `paused`: the step is paused, and the work waits for it. `failed`: its function failed too often in a row. */
  readonly outcome: 'done' | 'paused' | 'failed';
  readonly events: number;
}

/**
 * Runs work that calls a step's function repeatedly, and prints its progress to standard error. Rejects with the
 * signal's reason when the signal aborts.
 */
export async function withProgress(
  name: string,
  signal: AbortSignal,
  work: (options: ProgressOptions) => Promise<boolean>,
): Promise<Finished> {
  const progress = openProgress(name, printError);
  try {
    const isDone = await work({ onProgress: progress.onProgress, signal });
    return { outcome: isDone ? 'done' : 'paused', events: progress.events() };
  } catch (error) {
    if (signal.aborted) printError(`${name}: interrupted. Run the same command again to continue`);
    if (signal.aborted || !(error instanceof FunctionFailed)) throw error;
    printError(`${error.message}\n${name}: stopped after repeated failures. Run the same command again to continue`);
    return { outcome: 'failed', events: progress.events() };
  }
}
