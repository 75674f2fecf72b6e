import type { StepPlan } from '../pipelines/plan.ts';

/** What the console says of a step's function. */
export function descriptionOf(step: StepPlan): string {
  const isAtLeastOnce = step.kind !== 'source' && step.atLeastOnce;
  return `${step.kind} ${step.name} of pipeline ${step.pipeline}${isAtLeastOnce ? ', at least once' : ''}`;
}
