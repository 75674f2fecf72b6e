import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type pg from 'pg';
import { type Names, namesOf } from '../../infra/names.ts';
import type { Target } from '../../infra/operation/target.ts';
import type { Pipeline } from '../../infra/pipelines/pipeline.ts';
import { planOf, type StepPlan } from '../../infra/pipelines/plan.ts';
import { clientOptions } from './caller.ts';
import { fedPipelines } from './fed-pipelines.ts';
import type { Server } from './server.ts';

/** A stage that is deployed on a server. */
export interface Deployed {
  readonly names: Names;
  readonly clients: Target['clients'] & { readonly lambda: LambdaClient };
  readonly database: pg.Client;
  readonly steps: readonly StepPlan[];
  /** Invokes a step's function and waits for it. Rejects when the function throws. */
  invoke(step: StepPlan): Promise<void>;
  /** Returns the number of announcements in a step's queue, those in flight included. */
  announcementsOf(step: StepPlan): Promise<number>;
}

/** Longer than the 15 minutes that a scheduled step may run. */
const LONGEST_CALL_MILLIS = 16 * 60_000;

export function openDeployed(
  stage: string,
  server: Server & { readonly account: string; readonly pipelines?: readonly Pipeline[] },
  database: pg.Client,
): Deployed & Disposable {
  const { account, region, pipelines = fedPipelines } = server;
  const names = namesOf({ stage, account, region, partition: 'aws' });
  const common = {
    ...clientOptions(server),
    requestHandler: new NodeHttpHandler({ requestTimeout: LONGEST_CALL_MILLIS }),
  };
  const clients = {
    kinesis: new KinesisClient(common),
    dynamodb: new DynamoDBClient(common),
    s3: new S3Client({ ...common, forcePathStyle: true }),
    sqs: new SQSClient(common),
    lambda: new LambdaClient({ ...common, maxAttempts: 1 }),
  };
  const functionName = ({ pipeline, name }: StepPlan): string => names.step(pipeline, name);
  return {
    names,
    clients,
    database,
    steps: pipelines.flatMap((pipeline) => planOf(pipeline, pipelines).steps),
    async invoke(step) {
      const call = new InvokeCommand({ FunctionName: functionName(step), Payload: Buffer.from('{}') });
      const { FunctionError, Payload } = await clients.lambda.send(call);
      if (FunctionError !== undefined) {
        throw new Error(`${functionName(step)} threw: ${Buffer.from(Payload ?? []).toString()}`);
      }
    },
    async announcementsOf(step) {
      const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: functionName(step) }));
      const { Attributes = {} } = await clients.sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
      );
      const { ApproximateNumberOfMessages = 0, ApproximateNumberOfMessagesNotVisible = 0 } = Attributes;
      return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
    },
    [Symbol.dispose]() {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
