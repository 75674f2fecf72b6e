import { Duration, Validations } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnEventSourceMapping, CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ON_FAILURE_PREFIX } from '../../functions/runtime/on-failure/missed.ts';
import type { Bundle } from '../bundle.ts';
import { givenUpMappingSettings, type Limits } from '../delivery.ts';
import type { Names } from '../names.ts';
import type { Statement } from '../needs.ts';
import { addBundledFunction } from './bundled-function.ts';
import { LinkedAlarm } from './linked-alarm.ts';

/** The module of the function, relative to the repository. */
export const ON_FAILURE_ENTRY = 'functions/runtime/on-failure/handler.ts';

/** Documents have up to 6 MB and are read one at a time. After an outage of hours there are many. */
const LIMITS: Limits = { timeoutSeconds: 15 * 60, memoryMb: 1_024 };

export interface OnFailureDocumentsProps {
  readonly names: Names;
  readonly bundle: Bundle;
  /** The ARNs of the streams that pipelines read and no pipeline creates. */
  readonly existingStreams: readonly string[];
  /** The ARN of the topic that alarms notify. */
  readonly topic: string | undefined;
}

/**
 * Turns batches that Lambda discarded into dead letters: bucket → EventBridge → queue → function, and every hour the
 * function again, for the documents that are left. The documents are what counts; their announcements only save time.
 */
export class OnFailureDocuments extends Construct {
  constructor(scope: Construct, id: string, props: OnFailureDocumentsProps) {
    super(scope, id);
    const { names, bundle } = props;
    const { lambda } = addBundledFunction(this, {
      functionName: names.givenUp,
      description: 'makes dead letters of the records that Lambda discarded',
      path: bundle.path,
      config: {
        stage: names.stage,
        pipeline: 'platform',
        step: 'given-up',
        generation: bundle.sha256.slice(0, 12),
        checkpoints: names.checkpoints,
        deadLetters: names.deadLetters,
      },
      statements: statementsOf(props),
      limits: LIMITS,
      network: undefined,
      names,
    });
    const queue = this.addQueue(names);
    new CfnEventSourceMapping(this, 'Mapping', {
      functionName: lambda.ref,
      eventSourceArn: queue.queueArn,
      ...givenUpMappingSettings(),
    });
    const left = new CfnRule(this, 'Left', {
      description: 'looks for what had to wait',
      scheduleExpression: 'rate(1 hour)',
      targets: [{ id: 'Function', arn: lambda.attrArn }],
    });
    new CfnPermission(this, 'LeftPermission', {
      action: 'lambda:InvokeFunction',
      functionName: lambda.ref,
      principal: 'events.amazonaws.com',
      sourceArn: left.attrArn,
    });
    this.addAlarm(props);
  }

  /**
   * Adds the queue of announcements. An announcement is worth an hour: by then the function looks for all documents. So
   * a queue for failed messages would keep nothing that is not in the bucket.
   */
  private addQueue(names: Names): Queue {
    const queue = new Queue(this, 'Queue', {
      queueName: names.givenUp,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.hours(1),
      // Six times the time-out, as Lambda's documentation recommends: it retries throttled invocations in that time.
      visibilityTimeout: Duration.seconds(6 * LIMITS.timeoutSeconds),
    });
    Validations.of(queue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'an hour after its announcement, each document that is still in the bucket is converted without one',
    });
    const stored = new CfnRule(this, 'Stored', {
      description: 'reports the records that Lambda discarded',
      eventPattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: { bucket: { name: [names.deadLetters] }, object: { key: [{ prefix: ON_FAILURE_PREFIX }] } },
      },
      targets: [{ id: 'Queue', arn: queue.queueArn }],
    });
    queue.addToResourcePolicy(
      new PolicyStatement({
        sid: 'TakesAnnouncements',
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': stored.attrArn } },
      }),
    );
    return queue;
  }

  /** A failed document is retried every hour, so one failure is no alarm, and two in a row are. */
  private addAlarm({ names, topic }: OnFailureDocumentsProps): void {
    new LinkedAlarm(this, 'Failing', {
      alarmName: names.platformAlarm('given-up'),
      meaning: 'batches that Lambda discarded cannot be turned into dead letters',
      section: 'given-up',
      metric: new Metric({
        namespace: 'AWS/Lambda',
        metricName: 'Errors',
        dimensionsMap: { FunctionName: names.givenUp },
        statistic: 'Sum',
        period: Duration.hours(1),
      }),
      threshold: 1,
      periods: 2,
      topic,
    });
  }
}

function statementsOf({ names, existingStreams }: OnFailureDocumentsProps): readonly Statement[] {
  const bucket = names.bucketArnOf(names.deadLetters);
  return [
    {
      why: 'takes announcements of discarded batches',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: [names.arnOf('sqs', names.givenUp)],
    },
    { why: 'finds discarded batches', actions: ['s3:ListBucket'], resources: [bucket] },
    {
      why: 'takes discarded batches',
      actions: ['s3:GetObject', 's3:DeleteObject'],
      resources: [`${bucket}/${ON_FAILURE_PREFIX}*`],
    },
    { why: 'keeps dead letters', actions: ['s3:PutObject'], resources: [`${bucket}/dead-letters/*`] },
    {
      why: 'asks functions which steps they are',
      actions: ['lambda:GetFunctionConfiguration'],
      resources: [names.arnOf('lambda', `function:${names.platformStack}-*`)],
    },
    {
      why: 'sees what steps have done',
      actions: ['dynamodb:GetItem'],
      resources: [names.arnOf('dynamodb', `table/${names.checkpoints}`)],
    },
    {
      why: 'sees the shards of streams',
      actions: ['kinesis:DescribeStreamSummary', 'kinesis:ListShards'],
      resources: [names.arnOf('kinesis', `stream/${names.platformStack}-*`), ...existingStreams],
    },
  ];
}
