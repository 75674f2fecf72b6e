import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { mappingSettings } from '../delivery.ts';
import type { SinkPlan, TransformPlan } from '../pipelines/plan.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';
import { streamArnOf } from './stream-names.ts';

/**
 * A continuous step: a function behind a mapping of its stream. The only construct that makes a mapping of a stream, because the
 * defaults lose events.
 */
export class StreamFunction extends Construct {
  constructor(scope: Construct, id: string, props: StepFunctionProps<TransformPlan | SinkPlan>) {
    super(scope, id);
    const { step, surroundings } = props;
    const { names } = surroundings;
    const { functionName } = new StepFunction(this, 'Step', props);
    new CfnEventSourceMapping(this, 'Mapping', {
      functionName,
      eventSourceArn: streamArnOf(step.input.stream, names),
      ...mappingSettings(step.input, names.bucketArnOf(names.deadLetters)),
    });
  }
}
