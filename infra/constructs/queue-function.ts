import { Duration } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { queueMappingSettings, VISIBILITY_SECONDS } from '../delivery.ts';
import type { QueueNeeds } from '../needs.ts';
import type { SourcePlan } from '../pipelines/plan.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';

/**
 * A source of announced items: bucket → EventBridge → queue → function. The bucket's own notifications would be a
 * property of the bucket: a pipeline's queue would then belong to the platform, two pipelines could not read one
 * prefix, and the CDK would need a custom resource.
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
      visibilityTimeout: Duration.seconds(VISIBILITY_SECONDS),
      // Ten times half an hour, so that an outage of a few hours fails no file.
      deadLetterQueue: { queue: failed, maxReceiveCount: 10 },
    });
    const { functionName } = new StepFunction(this, 'Step', { ...props, queue: queue.queueUrl });
    new CfnEventSourceMapping(this, 'Mapping', {
      functionName,
      eventSourceArn: queue.queueArn,
      ...queueMappingSettings(),
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
