import { setTimeout as delay } from 'node:timers/promises';
import type { RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { StaleCheckpoint, UserMistake } from '../../../functions/runtime/errors.ts';
import { OperatorAnswer, type OperatorRequest } from '../../../functions/runtime/operator-request.ts';
import { loadPause } from '../../../functions/runtime/pause/pause.ts';
import { loadPlan, type RewindPlan, type StoredPlan, savePlan } from '../../../functions/runtime/rewind/plan.ts';
import type { SinkPlan, StepPlan, TransformPlan } from '../../pipelines/plan.ts';
import { FunctionFailed } from '../function-failed.ts';
import { checkpointsOf, type Target, type TargetWithFunctions } from '../target.ts';

export interface Wish {
  readonly to: RewindPoint;
  /** As the operator said it: said again, an unfinished rewind goes on. */
  readonly said: string;
  /** All when not given. */
  readonly shards?: readonly string[] | undefined;
  /** The number of the step's last rewind when its operator looked: nobody may have asked for another one since. */
  readonly seen?: number;
}

export interface Driving {
  /** Told of every answer of the function, and of every call that failed. */
  readonly onProgress: (answer: OperatorAnswer | FunctionFailed) => void;
  readonly signal: AbortSignal;
}

/**
 * The rewind that was asked for last, finished or not, and which of the step's it is. One that all shards have caught
 * up with is `done`, also when nobody could write that down.
 */
export async function lastRewind(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<Pick<StoredPlan, 'number' | 'plan'>> {
  const { number, plan } = await loadPlan(checkpointsOf(step, target), signal);
  if (plan === undefined || !(await hasCaughtUp(step, target, { plan, signal }))) return { number, plan };
  return { number, plan: { ...plan, phase: 'done' } };
}

/**
 * Asks for a rewind, and drives the step's function until it has caught up, or found that it is paused: false.
 * Interrupted, it is asked for still: the same wish goes on with it, and so does every batch that the step's mapping
 * delivers. Throws a `UserMistake` when somebody else has asked for another one since the operator looked.
 */
export async function rewindStep(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  { wish, ...driving }: Driving & { readonly wish: Wish },
): Promise<boolean> {
  await ask(step, target, { wish, signal: driving.signal });
  return drive(step, target, { request: { millrace: 'pull', delivery: step.delivery }, ...driving });
}

/**
 * Drives on what was asked for before, as `rewindStep` does, and asks for nothing: also when it is done by now. `seen`:
 * the number of that rewind.
 */
export async function goOnRewinding(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  { seen, ...driving }: Driving & { readonly seen: number },
): Promise<boolean> {
  refuseOther(step, await loadPlan(checkpointsOf(step, target), driving.signal), seen);
  return drive(step, target, { request: { millrace: 'pull', delivery: step.delivery }, ...driving });
}

/** Writes the wish down, unless it is the one that is being fulfilled. */
async function ask(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  { wish, signal }: { readonly wish: Wish; readonly signal: AbortSignal },
): Promise<void> {
  const checkpoints = checkpointsOf(step, target);
  const stored = await loadPlan(checkpoints, signal);
  const { plan } = stored;
  if (plan !== undefined && isUnfinished(plan, wish) && !(await hasCaughtUp(step, target, { plan, signal }))) return;
  const { to, said, shards, seen } = wish;
  if (seen !== undefined) refuseOther(step, stored, seen);
  const asked = {
    phase: 'asked' as const,
    to,
    said,
    askedMillis: Date.now(),
    ...(shards === undefined ? {} : { shards: [...shards] }),
  };
  try {
    await savePlan(checkpoints, stored, { plan: asked, signal });
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
    // The function has got further with the one before.
    await ask(step, target, { wish, signal });
  }
}

/** Throws a `UserMistake` when there is another rewind than the one that the operator saw. */
function refuseOther({ pipeline, name }: StepPlan, { number, plan }: StoredPlan, seen: number): void {
  if (plan === undefined || number === seen) return;
  throw new UserMistake(
    `${pipeline}/${name} was moved to ${plan.said} meanwhile, by a command of ${new Date(plan.askedMillis).toISOString()}: look where it is, and say it again if it is still to be moved`,
  );
}

/** Whoever finished it may not have been able to say so. */
async function hasCaughtUp(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  { plan, signal }: { readonly plan: RewindPlan; readonly signal: AbortSignal },
): Promise<boolean> {
  if (plan.phase !== 'begun') return false;
  return OperatorAnswer.parse(await target.invoke(step, { millrace: 'positions' }, signal)).done;
}

/** Whether the wish is the one that is being fulfilled. */
export function isUnfinished(plan: RewindPlan, wish: Pick<Wish, 'said' | 'shards'>): boolean {
  return plan.phase !== 'done' && isSame(plan, wish);
}

/** Whether the plan was asked for in the same words. */
export function isSame(plan: RewindPlan, { said, shards }: Pick<Wish, 'said' | 'shards'>): boolean {
  return plan.said === said && plan.shards?.join() === shards?.join();
}

/** What fails so often on end is for somebody to look at. */
const MOST_FAILURES = 5;
const REST_MILLIS = 500;

async function isPaused(step: TransformPlan | SinkPlan, target: Target, signal: AbortSignal): Promise<boolean> {
  return (await loadPause(checkpointsOf(step, target), signal)).sinceMillis !== undefined;
}

/** Calls the step's function until it is done. False: it is paused. */
export async function drive(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  { request, onProgress, signal }: Driving & { readonly request: OperatorRequest },
): Promise<boolean> {
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    try {
      const answer = OperatorAnswer.parse(await target.invoke(step, request, signal));
      onProgress(answer);
      if (answer.done) return true;
      // A process may believe for some seconds in a pause that is over.
      if (answer.paused && (await isPaused(step, target, signal))) return false;
      failures = 0;
      // All that could be done is done, and something is waited for.
      if (Object.keys(answer.reached).length === 0) await delay(REST_MILLIS, undefined, { signal });
    } catch (error) {
      if (!(error instanceof FunctionFailed) || ++failures === MOST_FAILURES) throw error;
      onProgress(error);
      await delay(REST_MILLIS * 2 ** failures, undefined, { signal });
    }
  }
}
