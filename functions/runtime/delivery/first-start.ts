import { z } from 'zod';
import { jsonNote, updateNote } from '../checkpoints/note.ts';
import type { Step } from '../step.ts';

/** The fixed start, in milliseconds since 1970. */
const START = jsonNote('start', z.number());

/**
 * Resolves to where a scheduled step starts in shards without a position. The step's first run fixes the start, so
 * `latest` means the time of that run, and not the time of a later run that is the first to see an event.
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
