import { NOTHING_DONE } from '../metrics.ts';
import type { PulledLook } from '../source.ts';
import { parseOrExplain } from '../step-config.ts';
import { metricsOfKept, stateOfKept } from './kept.ts';
import { PULL_KEY, type PullState, type StoredPull, savePull } from './pull-state.ts';
import type { PulledStep } from './pulled-step.ts';

/** A database that does not answer must not keep a paused step's run alive. */
const LOOK_MILLIS = 20_000;
const MOST_NOTE = 500;

/** Lets a paused source find out what grows outside meanwhile, and stores and reports it. */
export async function look<P>(
  { source, step }: PulledStep<P>,
  stored: StoredPull,
  signal: AbortSignal,
): Promise<StoredPull> {
  if (source.look === undefined || stored.state.position === undefined) return stored;
  const position = parseOrExplain(source.position, stored.state.position, `the position of '${step.name}'`);
  const soon = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MILLIS)]);
  const looked = await source.look(position, soon).catch((error: unknown): PulledLook => {
    signal.throwIfAborted();
    return { note: `cannot say what the database keeps for it: ${String((error as Error).message ?? error)}` };
  });
  const { note: _, ...rest } = stored.state;
  const nowMillis = step.now();
  const state: PullState = {
    ...rest,
    ...stateOfKept(looked.kept, nowMillis),
    ...(looked.note === undefined ? {} : { note: looked.note.slice(0, MOST_NOTE) }),
    atMillis: nowMillis,
  };
  if (looked.kept !== undefined) step.report(PULL_KEY, { ...NOTHING_DONE, ...metricsOfKept(looked.kept) });
  return savePull(step.checkpoints, stored, { state, signal });
}
