import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { ON_FAILURE_PREFIX } from '../../functions/runtime/on-failure/missed.ts';
import { logGroupOf } from '../../infra/constructs/step-statements.ts';
import { streamArnOf } from '../../infra/constructs/stream-names.ts';
import type { ReaderPlan, StepPlan } from '../../infra/pipelines/plan.ts';
import { type Caller, clientOptions } from './caller.ts';
import type { Deployed } from './deployed.ts';
import { callJson } from './signed-call.ts';
import type { Path } from './statement-paths.ts';

/**
 * Returns the calls that Lambda and Scheduler make with the roles of functions and schedules. Emulators do not check
 * these, so the suite makes each call that the services' documentation names.
 */
export function lambdaPathsOf(step: StepPlan, session: Caller, deployed: Deployed): readonly Path[] {
  return [
    logPathOf(deployed.names.step(step.pipeline, step.name), session),
    ...(step.delivery === 'continuous' ? mappingPaths(step, session, deployed) : []),
    ...(step.delivery === 'queue'
      ? [
          {
            what: "Lambda's mapping receives messages",
            run: () => refusalOf(() => takeMessages(deployed.names.step(step.pipeline, step.name), session, deployed)),
          },
          {
            what: 'S3 tells the function that a file was deleted',
            run: () => refusalOf(() => listLanded(session, deployed)),
          },
        ]
      : []),
  ];
}

export function logPathOf(functionName: string, session: Caller): Path {
  return { what: 'Lambda writes its log', run: () => refusalOf(() => writeLog(functionName, session)) };
}

/** Returns the calls of the mapping from the queue of on-failure documents. */
export function announcementsPathOf(session: Caller, deployed: Deployed): Path {
  const run = () => refusalOf(() => takeMessages(deployed.names.givenUp, session, deployed));
  return { what: "Lambda's mapping receives announcements of documents", run };
}

export function schedulerPathsOf({ pipeline, name }: StepPlan, session: Caller, { names }: Deployed): readonly Path[] {
  const run = () =>
    refusalOf(async () => {
      using lambda = disposed(new LambdaClient(clientOptions(session)));
      const FunctionName = names.step(pipeline, name);
      await lambda.client.send(new InvokeCommand({ FunctionName, Payload: Buffer.from('{}') }));
    });
  return [{ what: 'Scheduler invokes the function', run }];
}

/** Writes a log (Lambda Developer Guide, "Working with Lambda execution environment credentials"). */
async function writeLog(functionName: string, session: Caller): Promise<void> {
  const logGroupName = logGroupOf(functionName);
  const logStreamName = `sample-${process.hrtime.bigint()}`;
  const logEvents = [{ timestamp: Date.now(), message: 'sample' }];
  await answered(callJson('logs:CreateLogStream', { logGroupName, logStreamName }, session));
  await answered(callJson('logs:PutLogEvents', { logGroupName, logStreamName, logEvents }, session));
}

async function answered(call: ReturnType<typeof callJson>): Promise<void> {
  const { ok, said } = await call;
  if (!ok) throw new Error(said);
}

/** Returns the calls of a Kinesis mapping and its S3 destination (the same guide, "Configuring permissions"). */
function mappingPaths(step: ReaderPlan, session: Caller, deployed: Deployed): readonly Path[] {
  return [
    { what: "Lambda's mapping reads the stream", run: () => refusalOf(() => readStream(step, session, deployed)) },
    { what: "Lambda's mapping discards a batch", run: () => refusalOf(() => discard(session, deployed)) },
  ];
}

async function readStream({ input }: ReaderPlan, session: Caller, { names }: Deployed): Promise<void> {
  using kinesis = disposed(new KinesisClient(clientOptions(session)));
  const { client } = kinesis;
  const StreamARN = streamArnOf(input.stream, names);
  await client.send(new DescribeStreamCommand({ StreamARN }));
  await client.send(new DescribeStreamSummaryCommand({ StreamARN }));
  const { Shards: [{ ShardId } = { ShardId: undefined }] = [] } = await client.send(
    new ListShardsCommand({ StreamARN }),
  );
  const from = { StreamARN, ShardId, ShardIteratorType: 'LATEST' } as const;
  const { ShardIterator } = await client.send(new GetShardIteratorCommand(from));
  await client.send(new GetRecordsCommand({ StreamARN, ShardIterator }));
}

async function discard(session: Caller, { clients, names }: Deployed): Promise<void> {
  using s3 = disposed(new S3Client({ ...clientOptions(session), forcePathStyle: true }));
  const Bucket = names.deadLetters;
  await s3.client.send(new HeadBucketCommand({ Bucket }));
  const Key = `${ON_FAILURE_PREFIX}sample`;
  await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: '{}' }));
  // No dead letter could be made of this document.
  await clients.s3.send(new DeleteObjectCommand({ Bucket, Key }));
}

async function takeMessages(QueueName: string, session: Caller, { clients }: Deployed): Promise<void> {
  using sqs = disposed(new SQSClient(clientOptions(session)));
  const { client } = sqs;
  const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName }));
  await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  await client.send(new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0 }));
  // An unknown receipt is an error too, with another name.
  await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: 'none' })).catch((error: Error) => {
    if (isDenied(error.name)) throw error;
  });
}

/**
 * Lists the landing bucket. For a missing object S3 answers 404 to callers that may list, and denies access to others.
 */
async function listLanded(session: Caller, { names }: Deployed): Promise<void> {
  using s3 = disposed(new S3Client({ ...clientOptions(session), forcePathStyle: true }));
  await s3.client.send(new ListObjectsV2Command({ Bucket: names.landing, Prefix: 'orders/', MaxKeys: 1 }));
}

/**
 * Reads a checkpoint of a step that does not exist, which no policy allows. Resolves to true when the server allows it.
 */
export async function readsAnyCheckpoint(session: Caller, { names }: Deployed): Promise<boolean> {
  using dynamodb = disposed(new DynamoDBClient(clientOptions(session)));
  const Key = { step: { S: 'nobody/nothing' }, key: { S: 'none' } };
  const get = new GetItemCommand({ TableName: names.checkpoints, Key });
  return (await refusalOf(async () => void (await dynamodb.client.send(get)))) === undefined;
}

/** Makes a call. Resolves to undefined, or to the message when it was denied; any other error is thrown. */
async function refusalOf(call: () => Promise<void>): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    const { name, message } = error as Error;
    if (isDenied(name) || isDenied(message)) return `${name}: ${message}`;
    // The answer to HEAD has no body with a reason.
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 403) return 'AccessDenied';
    throw error;
  }
}

export function isDenied(text: string): boolean {
  return /AccessDenied|not authorized to perform|Access to the resource .* is denied/.test(text);
}

function disposed<C extends { destroy(): void }>(client: C): Disposable & { readonly client: C } {
  return { client, [Symbol.dispose]: () => client.destroy() };
}
