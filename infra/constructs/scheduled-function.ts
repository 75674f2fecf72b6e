import { Construct } from 'constructs';
import type { SinkPlan } from '../pipelines/plan.ts';
import { addSchedule } from './schedule.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';

/**
 * A scheduled step: a function that EventBridge Scheduler calls. Runs may come twice and overlap, so the step takes a
 * lease on each shard.
 */
export class ScheduledFunction extends Construct {
  constructor(scope: Construct, id: string, props: StepFunctionProps<SinkPlan> & { readonly everyMillis: number }) {
    super(scope, id);
    const { step, surroundings, everyMillis } = props;
    const { functionName, functionArn } = new StepFunction(this, 'Step', props);
    addSchedule(this, {
      functionName,
      functionArn,
      name: surroundings.names.step(step.pipeline, step.name),
      description: `runs sink ${step.name} of pipeline ${step.pipeline}`,
      everyMillis,
      input: '{}',
    });
  }
}
