import { setTimeout as delay } from 'node:timers/promises';
import type { RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { StaleCheckpoint, UserMistake } from '../../../functions/runtime/errors.ts';
import { OperatorAnswer, type OperatorRequest } from '../../../functions/runtime/operator-request.ts';
import { loadPause } from '../../../functions/runtime/pause/pause.ts';
import { loadPlan, type RewindPlan, type StoredPlan, savePlan } from '../../../functions/runtime/rewind/plan.ts';
import type { ReaderPlan, StepPlan } from '../../pipelines/plan.ts';
import { FunctionFailed } from '../function-failed.ts';
import { checkpointsOf, type Target, type TargetWithFunctions } from '../target.ts';
import { refuseMove } from './refuse-move.ts';

/** An operator's request to move a step. */
export interface RewindRequest {
  readonly to: RewindPoint;
  /** The position as the operator typed it. A request with the same text and shards continues an unfinished rewind. */
  readonly said: string;
  /** All shards when not given. */
  readonly shards?: readonly string[] | undefined;
  /**
   * The number of the step's last rewind when the operator looked. A later rewind by somebody else is an error then.
   */
  readonly seen?: number;
}

export interface ProgressOptions {
  /** Called with every answer of the function, and with the error of every call that failed. */
  readonly onProgress: (answer: OperatorAnswer | FunctionFailed) => void;
  readonly signal: AbortSignal;
}

/**
 * Loads the last rewind that was requested, finished or not, and its number. A rewind that all shards have caught up
 * with is `done`, even when the function could not store that.
 */
export async function lastRewind(
  step: ReaderPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<Pick<StoredPlan, 'number' | 'plan'>> {
  const { number, plan } = await loadPlan(checkpointsOf(step, target), signal);
  if (plan === undefined || !(await hasCaughtUp(step, target, { plan, signal }))) return { number, plan };
  return { number, plan: { ...plan, phase: 'done' } };
}

/**
 * Stores a rewind request, and calls the step's function until it has caught up. Resolves to false when the step is
 * paused. After an interruption the request stays stored: the same request continues the rewind, and so does every
 * batch that the step's mapping delivers. Throws a `UserMistake` when somebody else has requested another rewind since
 * the operator looked, or when the step is a table.
 */
export async function rewindStep(
  step: ReaderPlan,
  target: TargetWithFunctions,
  { request, ...options }: ProgressOptions & { readonly request: RewindRequest },
): Promise<boolean> {
  refuseMove(step);
  await storeRequest(step, target, { request, signal: options.signal });
  return callUntilDone(step, target, { request: { millrace: 'pull', delivery: step.delivery }, ...options });
}

/**
 * Continues the rewind with the number `seen`, as `rewindStep` does, and stores no request, not even when that rewind
 * is done by now.
 */
export async function continueRewind(
  step: ReaderPlan,
  target: TargetWithFunctions,
  { seen, ...options }: ProgressOptions & { readonly seen: number },
): Promise<boolean> {
  refuseOtherRewind(step, await loadPlan(checkpointsOf(step, target), options.signal), seen);
  return callUntilDone(step, target, { request: { millrace: 'pull', delivery: step.delivery }, ...options });
}

/** Stores the request, unless the same request is stored and unfinished. */
async function storeRequest(
  step: ReaderPlan,
  target: TargetWithFunctions,
  { request, signal }: { readonly request: RewindRequest; readonly signal: AbortSignal },
): Promise<void> {
  const checkpoints = checkpointsOf(step, target);
  const stored = await loadPlan(checkpoints, signal);
  const { plan } = stored;
  if (plan !== undefined && isUnfinished(plan, request) && !(await hasCaughtUp(step, target, { plan, signal }))) return;
  const { to, said, shards, seen } = request;
  if (seen !== undefined) refuseOtherRewind(step, stored, seen);
  const next = {
    phase: 'asked' as const,
    to,
    said,
    askedMillis: Date.now(),
    ...(shards === undefined ? {} : { shards: [...shards] }),
  };
  try {
    await savePlan(checkpoints, stored, { plan: next, signal });
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
    // The function has moved the previous plan on meanwhile.
    await storeRequest(step, target, { request, signal });
  }
}

/** Throws a `UserMistake` when the last rewind is not the one that the operator saw. */
function refuseOtherRewind({ pipeline, name }: StepPlan, { number, plan }: StoredPlan, seen: number): void {
  if (plan === undefined || number === seen) return;
  throw new UserMistake(
    `${pipeline}/${name} was moved to ${plan.said} meanwhile, by a command of ${new Date(plan.askedMillis).toISOString()}; check its positions, and run the command again if the step should still move`,
  );
}

/** Asks the step's function: the plan still says `begun` when the process that finished it could not store that. */
async function hasCaughtUp(
  step: ReaderPlan,
  target: TargetWithFunctions,
  { plan, signal }: { readonly plan: RewindPlan; readonly signal: AbortSignal },
): Promise<boolean> {
  if (plan.phase !== 'begun') return false;
  return OperatorAnswer.parse(await target.invoke(step, { millrace: 'positions' }, signal)).done;
}

/** Tells whether the request asks for what the plan is still doing. */
export function isUnfinished(plan: RewindPlan, request: Pick<RewindRequest, 'said' | 'shards'>): boolean {
  return plan.phase !== 'done' && isSame(plan, request);
}

/** Tells whether the plan was requested with the same text and shards. */
export function isSame(plan: RewindPlan, { said, shards }: Pick<RewindRequest, 'said' | 'shards'>): boolean {
  return plan.said === said && plan.shards?.join() === shards?.join();
}

/** After this many failed calls in a row, an operator has to look. */
const MOST_FAILURES = 5;
const WAIT_MILLIS = 500;

async function isPaused(step: ReaderPlan, target: Target, signal: AbortSignal): Promise<boolean> {
  return (await loadPause(checkpointsOf(step, target), signal)).sinceMillis !== undefined;
}

/**
 * Calls a step's function with a request until the function is done. Resolves to false when the step is paused. Rejects
 * with the last `FunctionFailed` when the calls fail too often in a row.
 */
export async function callUntilDone(
  step: ReaderPlan,
  target: TargetWithFunctions,
  { request, onProgress, signal }: ProgressOptions & { readonly request: OperatorRequest },
): Promise<boolean> {
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    try {
      const answer = OperatorAnswer.parse(await target.invoke(step, request, signal));
      onProgress(answer);
      if (answer.done) return true;
      // A process may read a pause from its cache for some seconds after the pause is over.
      if (answer.paused && (await isPaused(step, target, signal))) return false;
      failures = 0;
      // The call read nothing: it waits for another invocation, or for other shards.
      if (Object.keys(answer.reached).length === 0) await delay(WAIT_MILLIS, undefined, { signal });
    } catch (error) {
      if (!(error instanceof FunctionFailed) || ++failures === MOST_FAILURES) throw error;
      onProgress(error);
      await delay(WAIT_MILLIS * 2 ** failures, undefined, { signal });
    }
  }
}
