import type { StepPlan } from '../../pipelines/plan.ts';
import { missingRight } from '../missing-right.ts';
import type { Target } from '../target.ts';
import { type StepStatus, stepStatus } from './status.ts';

/**
 * Loads the status of one step after the other. A step whose stream or queue does not exist has the state `unknown`,
 * and so has one that these credentials may not read: not every pipeline of the repository is in every stage, and an
 * operator may have rights to a part of it.
 */
export async function* statusesOf(
  steps: readonly StepPlan[],
  target: Target,
  signal: AbortSignal,
): AsyncGenerator<readonly StepStatus[]> {
  for (const step of steps) yield await statusOf(step, target, signal);
}

/** Loads the status of one step, as `statusesOf` does. */
export async function statusOf(step: StepPlan, target: Target, signal: AbortSignal): Promise<readonly StepStatus[]> {
  try {
    return await stepStatus(step, target, signal);
  } catch (error) {
    const note = noteOfUnknown(step, error as Error);
    if (note === undefined) throw error;
    const { pipeline, name, delivery } = step;
    return [{ pipeline, step: name, delivery, state: 'unknown', deadLetters: 0, note }];
  }
}

function noteOfUnknown({ pipeline }: StepPlan, error: Error): string | undefined {
  if (['ResourceNotFoundException', 'QueueDoesNotExist'].includes(error.name))
    return `its stream or queue does not exist: deploy pipeline '${pipeline}'`;
  return missingRight(error);
}
