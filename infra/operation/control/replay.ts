import { createHash } from 'node:crypto';
import type { RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { loadReplay, saveReplay } from '../../../functions/runtime/replay/plan.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { checkpointsOf, type TargetWithFunctions } from '../target.ts';
import { refuseBeyondLog } from './preview-move.ts';
import { type Driving, drive } from './rewind.ts';

/** A bounded range of a sink's input, for a fresh place. */
export interface ReplayWish {
  readonly from: RewindPoint;
  readonly toMillis: number;
  /** A table, or a prefix. */
  readonly into: string;
  /** As the operator said it: said again, an unfinished replay goes on. */
  readonly said: string;
}

/**
 * Asks for a replay, and drives the sink's function until it is done. Interrupted, it is asked for still, and the same
 * wish goes on with it. Throws a `UserMistake` when it has been done, or its place is not fresh.
 */
export async function replayInto(
  step: SinkPlan,
  target: TargetWithFunctions,
  { wish, ...driving }: Driving & { readonly wish: ReplayWish },
): Promise<boolean> {
  const { from, toMillis, into, said } = wish;
  const id = createHash('sha256').update(`${into}\n${said}`).digest('hex').slice(0, 12);
  const checkpoints = checkpointsOf(step, target);
  const stored = await loadReplay(checkpoints, id, driving.signal);
  if (stored.plan?.phase === 'done')
    throw new UserMistake(
      `what was asked for at ${new Date(stored.plan.askedMillis).toISOString()} is in '${into}' already: name another target for what came since`,
    );
  if (stored.plan === undefined) {
    await refuseBeyondLog(step, target, { to: from, signal: driving.signal });
    const plan = { phase: 'asked' as const, from, toMillis, into, askedMillis: Date.now() };
    await saveReplay(checkpoints, stored, { id, plan, signal: driving.signal });
  }
  return drive(step, target, { request: { millrace: 'replay', id }, ...driving });
}
