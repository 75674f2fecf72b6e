import type { StepPlan } from '../pipelines/plan.ts';

/** Describes a step's function for the AWS console. */
export function descriptionOf(step: StepPlan): string {
  const isAtLeastOnce = step.kind !== 'source' && step.atLeastOnce;
  return `${step.kind} ${step.name} of pipeline ${step.pipeline}${isAtLeastOnce ? ', at least once' : ''}`;
}
