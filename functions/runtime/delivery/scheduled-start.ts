import { z } from 'zod';
import { jsonNote, updateNote } from '../checkpoints/note.ts';
import type { Step } from '../step.ts';

/** In milliseconds since 1970. */
const START = jsonNote('start', z.number());

/**
 * Where the shards of a scheduled step start that have no position: fixed by its first run and kept, so that `latest`
 * means the first run of the step and not the first event some later run happens to see.
 */
export async function firstStart(step: Step, signal: AbortSignal): Promise<'earliest' | Date> {
  const start = step.config.input?.start ?? 'earliest';
  if (start === 'earliest') return 'earliest';
  const millis = start === 'latest' ? step.now() : Date.parse(start);
  const { value = millis } = await updateNote(step.checkpoints, START, {
    change: (fixed) => (fixed === undefined ? millis : undefined),
    signal,
  });
  return new Date(value);
}
