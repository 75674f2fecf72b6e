import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { StepPlan } from '../../pipelines/plan.ts';
import type { Target } from '../target.ts';

/** A stage on AWS that doctor looks at. */
export interface ExaminedStage {
  readonly target: Pick<Target, 'names' | 'clients'>;
  readonly lambda: Pick<LambdaClient, 'send'>;
  readonly signal: AbortSignal;
}

/** What to do about something that is not as the repository deploys it. */
export function deployCommand({ target: { names } }: ExaminedStage): string {
  return `deploy the stage again: npx cdk deploy --all -c stage=${names.stage}`;
}

export function functionNameOf({ pipeline, name }: StepPlan, { target: { names } }: ExaminedStage): string {
  return names.step(pipeline, name);
}

export function functionArnOf(step: StepPlan, stage: ExaminedStage): string {
  return stage.target.names.arnOf('lambda', `function:${functionNameOf(step, stage)}`);
}
