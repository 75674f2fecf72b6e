import { createHash } from 'node:crypto';
import type { RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { loadReplay, saveReplay } from '../../../functions/runtime/replay/plan.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { checkpointsOf, type TargetWithFunctions } from '../target.ts';
import { refuseBeyondLog } from './preview-move.ts';
import { callUntilDone, type ProgressOptions } from './rewind.ts';

/** A range of a sink's input, and its new destination. */
export interface ReplayRequest {
  readonly from: RewindPoint;
  readonly toMillis: number;
  /** A table or a prefix. */
  readonly into: string;
  /**
   * The range as the operator typed it. A request with the same text and destination continues an unfinished replay.
   */
  readonly said: string;
}

/**
 * Stores a replay request, and calls the sink's function until it is done. After an interruption the request stays
 * stored, and the same request continues it. Throws a `UserMistake` when the replay was already done, or when its
 * destination has rows or files.
 */
export async function replayInto(
  step: SinkPlan,
  target: TargetWithFunctions,
  { request, ...options }: ProgressOptions & { readonly request: ReplayRequest },
): Promise<boolean> {
  const { from, toMillis, into, said } = request;
  const id = createHash('sha256').update(`${into}\n${said}`).digest('hex').slice(0, 12);
  const checkpoints = checkpointsOf(step, target);
  const stored = await loadReplay(checkpoints, id, options.signal);
  if (stored.plan?.phase === 'done')
    throw new UserMistake(
      `the replay requested at ${new Date(stored.plan.askedMillis).toISOString()} has already filled '${into}'; use a new table or prefix to replay newer events`,
    );
  if (stored.plan === undefined) {
    await refuseBeyondLog(step, target, { to: from, signal: options.signal });
    const plan = { phase: 'asked' as const, from, toMillis, into, askedMillis: Date.now() };
    await saveReplay(checkpoints, stored, { id, plan, signal: options.signal });
  }
  return callUntilDone(step, target, { request: { millrace: 'replay', id }, ...options });
}
