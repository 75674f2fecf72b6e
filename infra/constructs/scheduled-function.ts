import { Construct } from 'constructs';
import type { SinkPlan, SourcePlan } from '../pipelines/plan.ts';
import { addSchedule } from './schedule.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';

/**
 * A scheduled step: a function that EventBridge Scheduler calls. Runs may come twice and overlap, so a sink takes a
 * lease on each shard, and a pulled source one for all that it reads.
 */
export class ScheduledFunction extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: StepFunctionProps<SinkPlan | SourcePlan> & { readonly everyMillis: number },
  ) {
    super(scope, id);
    const { step, surroundings, everyMillis } = props;
    const { functionName, functionArn } = new StepFunction(this, 'Step', props);
    addSchedule(this, {
      functionName,
      functionArn,
      name: surroundings.names.step(step.pipeline, step.name),
      description: `runs ${step.kind} ${step.name} of pipeline ${step.pipeline}`,
      everyMillis,
      input: '{}',
    });
  }
}
