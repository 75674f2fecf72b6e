import type { StepPlan } from '../pipelines/plan.ts';

/** Describes a step in few words: `transform`, `http source`, `s3 sink, 5 min`. */
export function aboutOf(step: StepPlan): string {
  if (!('connector' in step)) return step.kind;
  const every = step.kind === 'sink' && step.every !== undefined ? `, ${step.every / 60_000} min` : '';
  return `${step.connector} ${step.kind}${every}`;
}
