import { StaleCheckpoint } from '../errors.ts';
import type { Step } from '../step.ts';

const KEY = 'start';

/**
 * Where the shards of a scheduled step start that have no position: fixed by its first run and kept, so that `latest`
 * means the first run of the step and not the first event some later run happens to see.
 */
export async function firstStart(step: Step, signal: AbortSignal): Promise<'earliest' | Date> {
  const start = step.config.input?.start ?? 'earliest';
  if (start === 'earliest') return 'earliest';
  const stored = await step.checkpoints.load(KEY, signal);
  if (stored !== undefined) return new Date(Number(stored.state));
  const millis = start === 'latest' ? step.now() : Date.parse(start);
  try {
    await step.checkpoints.save({ key: KEY, previous: 0, revision: 1, state: String(millis), signal });
    return new Date(millis);
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
    // Another run was first.
    return firstStart(step, signal);
  }
}
