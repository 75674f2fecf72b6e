import { CfnStreamConsumer } from 'aws-cdk-lib/aws-kinesis';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { mappingSettings } from '../delivery.ts';
import type { Statement } from '../needs.ts';
import type { ReaderPlan } from '../pipelines/plan.ts';
import type { EventStream } from './event-stream.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';
import { streamArnOf } from './stream-names.ts';

export interface StreamFunctionProps extends StepFunctionProps<ReaderPlan> {
  /** The input stream, when the same stack creates it: Lambda refuses a mapping of a stream that does not exist yet. */
  readonly stream: EventStream | undefined;
}

/**
 * A continuous step: a function behind a mapping of its stream. No other construct makes such a mapping, because
 * Lambda's defaults lose events.
 */
export class StreamFunction extends Construct {
  /** The mapping's id, by which Lambda counts what the mapping polls and drops. */
  readonly mappingId: string;

  constructor(scope: Construct, id: string, props: StreamFunctionProps) {
    super(scope, id);
    const { step, surroundings, stream } = props;
    const { names } = surroundings;
    const consumer = step.input.fanOut ? this.addConsumer(props) : undefined;
    const statements = consumer === undefined ? [] : [listensTo(consumer.attrConsumerArn)];
    const { functionName } = new StepFunction(this, 'Step', { ...props, statements });
    const mapping = new CfnEventSourceMapping(this, 'Mapping', {
      functionName,
      eventSourceArn: consumer?.attrConsumerArn ?? streamArnOf(step.input.stream, names),
      ...mappingSettings(step.input, names.bucketArnOf(names.deadLetters)),
      // Without it, nothing is measured of a mapping that cannot read its stream: the function is never called.
      metricsConfig: { metrics: ['EventCount'] },
    });
    this.mappingId = mapping.attrId;
    if (stream !== undefined) mapping.node.addDependency(stream);
  }

  /** Adds a consumer with enhanced fan-out, to which Kinesis pushes the records of every shard. */
  private addConsumer({ step, surroundings: { names }, stream }: StreamFunctionProps): CfnStreamConsumer {
    const consumer = new CfnStreamConsumer(this, 'Consumer', {
      consumerName: names.step(step.pipeline, step.name),
      streamArn: streamArnOf(step.input.stream, names),
    });
    if (stream !== undefined) consumer.node.addDependency(stream);
    return consumer;
  }
}

function listensTo(consumerArn: string): Statement {
  return {
    why: 'listens to its consumer',
    actions: ['kinesis:DescribeStreamConsumer', 'kinesis:SubscribeToShard'],
    resources: [consumerArn],
  };
}
