import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { mappingSettings } from '../delivery.ts';
import type { SinkPlan, TransformPlan } from '../pipelines/plan.ts';
import type { EventStream } from './event-stream.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';
import { streamArnOf } from './stream-names.ts';

export interface StreamFunctionProps extends StepFunctionProps<TransformPlan | SinkPlan> {
  /** Its input, where the same stack creates it: a mapping of a stream that is not there yet is refused. */
  readonly stream: EventStream | undefined;
}

/**
 * A continuous step: a function behind a mapping of its stream. The only construct that makes a mapping of a stream, because the
 * defaults lose events.
 */
export class StreamFunction extends Construct {
  constructor(scope: Construct, id: string, props: StreamFunctionProps) {
    super(scope, id);
    const { step, surroundings, stream } = props;
    const { names } = surroundings;
    const { functionName } = new StepFunction(this, 'Step', props);
    const mapping = new CfnEventSourceMapping(this, 'Mapping', {
      functionName,
      eventSourceArn: streamArnOf(step.input.stream, names),
      ...mappingSettings(step.input, names.bucketArnOf(names.deadLetters)),
    });
    if (stream !== undefined) mapping.node.addDependency(stream);
  }
}
