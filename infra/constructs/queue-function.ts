import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { LANES } from '../../functions/runtime/items/lanes.ts';
import { LIMITS } from '../delivery.ts';
import type { QueueNeeds } from '../needs.ts';
import type { SourcePlan } from '../pipelines/plan.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';

/**
 * A source of announced items: bucket → EventBridge → queue → function. By EventBridge, because the bucket's own
 * notifications are a property of the bucket: then a pipeline's queue would belong to the platform, two pipelines could
 * not read one prefix, and the CDK would need a custom resource.
 */
export class QueueFunction extends Construct {
  constructor(scope: Construct, id: string, props: StepFunctionProps<SourcePlan> & { readonly needs: QueueNeeds }) {
    super(scope, id);
    const { step, surroundings, needs } = props;
    const { names } = surroundings;
    const failed = new Queue(this, 'Failed', {
      queueName: names.failedItems(step.pipeline, step.name),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: FOURTEEN_DAYS,
    });
    const queue = new Queue(this, 'Queue', {
      queueName: names.step(step.pipeline, step.name),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: FOURTEEN_DAYS,
      // Six times, as Lambda's documentation has it: throttled invocations are tried again in the meantime.
      visibilityTimeout: Duration.seconds(6 * LIMITS.queue.timeoutSeconds),
      // Ten times half an hour: an outage of some hours is no fault of a file's.
      deadLetterQueue: { queue: failed, maxReceiveCount: 10 },
    });
    const { functionName } = new StepFunction(this, 'Step', { ...props, queue: queue.queueUrl });
    new CfnEventSourceMapping(this, 'Mapping', {
      functionName,
      eventSourceArn: queue.queueArn,
      // A file may take all of an invocation's time.
      batchSize: 1,
      functionResponseTypes: ['ReportBatchItemFailures'],
      // As many as a source has lanes: more would only wait for each other.
      scalingConfig: { maximumConcurrency: LANES },
    });
    announce(this, queue, needs);
  }
}

function announce(scope: Construct, queue: Queue, { announced: { bucket, prefix } }: QueueNeeds): void {
  new Rule(scope, 'Announcements', {
    description: `announces the objects of ${prefix === '' ? 'the bucket' : `'${prefix}'`}`,
    eventPattern: {
      source: ['aws.s3'],
      detailType: ['Object Created'],
      detail: { bucket: { name: [bucket.name] }, ...(prefix === '' ? {} : { object: { key: [{ prefix }] } }) },
    },
    targets: [new SqsQueue(queue)],
  });
}

const FOURTEEN_DAYS = Duration.days(14);
