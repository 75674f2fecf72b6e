import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { PostgresServer } from '../../functions/clients/postgres-login.ts';
import { CHECKPOINT_TABLE_KEY } from '../../functions/runtime/checkpoints/checkpoints.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Names, namesOf } from '../names.ts';
import type { LaptopResources } from '../needs.ts';
import { invokeFunction } from '../operation/invoke.ts';
import type { Target, TargetWithFunctions } from '../operation/target.ts';
import type { PipelinePlan, StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { ACCOUNT, REGION, type Servers } from './servers/servers.ts';

/** A stage on this machine: empty streams, buckets and tables under the names that they would have on AWS. */
export interface LocalStage extends Target {
  readonly resources: LaptopResources;
  /** Environment variables that direct a function's AWS clients to this machine. */
  readonly environment: Readonly<Record<string, string>>;
  queueUrl(step: StepPlan): string;
}

const DATABASE = 'millrace';

type Endpoints = Pick<Servers, 'kinesis' | 'dynamodb' | 's3' | 'sqs'>;

/** Creates the streams, buckets, queues and tables of pipelines. */
export async function createStage(
  servers: Servers,
  plans: readonly PipelinePlan[],
  running: AsyncDisposableStack,
): Promise<LocalStage> {
  const { host, port, user, password } = servers.postgres;
  const database = { host, port, name: DATABASE, user, password };
  const target = localServers(servers, database);
  const { names, clients } = target;
  running.defer(() => {
    for (const client of Object.values(clients)) client.destroy();
  });
  for (const bucket of [names.deadLetters, names.landing, names.lake]) servers.storage.createBucket(bucket);
  for (const step of plans.flatMap(({ steps }) => steps)) {
    if (step.delivery === 'queue') await servers.storage.createQueue(names.step(step.pipeline, step.name));
  }
  for (const stream of plans.flatMap(({ streams }) => streams)) createStream(servers, names, stream);
  await Promise.all([
    createCheckpointTable(clients.dynamodb, names.checkpoints),
    servers.postgres.createDatabase(DATABASE),
  ]);
  return {
    ...target,
    resources: { landing: names.landing, lake: names.lake, database },
    environment: {
      AWS_ENDPOINT_URL_KINESIS: servers.kinesis,
      AWS_ENDPOINT_URL_DYNAMODB: servers.dynamodb,
      AWS_ENDPOINT_URL_S3: servers.s3,
      AWS_ENDPOINT_URL_SQS: servers.sqs,
    },
    queueUrl: (step) => `${servers.sqs}/${ACCOUNT}/${names.step(step.pipeline, step.name)}`,
  };
}

/** Opens a running dev as a target. `lambda` is the endpoint for calling its functions. */
export function localTarget(
  at: Endpoints & { readonly lambda: string },
  database: LaptopResources['database'],
): TargetWithFunctions & Disposable {
  const servers = localServers(at, database);
  const lambda = new LambdaClient({ ...LOCAL, endpoint: at.lambda, maxAttempts: 1 });
  return {
    ...servers,
    invoke: ({ pipeline, name }, request, signal) =>
      invokeFunction(lambda, { name: servers.names.step(pipeline, name), request }, signal),
    [Symbol.dispose]() {
      for (const client of [...Object.values(servers.clients), lambda]) client.destroy();
    },
  };
}

function localServers(at: Endpoints, database: LaptopResources['database']): Target {
  const names = namesOf({ stage: 'local', account: ACCOUNT, region: REGION, partition: 'aws' });
  return {
    names,
    clients: clientsOf(at),
    streamName: (stream) => streamNameOf(names, stream),
    databaseOf: async () => loginOf(database),
  };
}

/** Describes a laptop's database as clients expect it. */
export function loginOf({ name, password, ...server }: LaptopResources['database']): PostgresServer {
  return { ...server, database: name, auth: { password }, tls: 'off' };
}

/** The shards of a stream with on-demand capacity. Two are enough to show what several shards mean. */
const ON_DEMAND_SHARDS = 2;

function createStream({ log }: Servers, names: Names, stream: PipelinePlan['streams'][number]): void {
  const StreamName = names.stream(stream.pipeline, stream.name);
  log.createStream({ StreamName, ShardCount: stream.shards === 'on-demand' ? ON_DEMAND_SHARDS : stream.shards });
  if (stream.retentionHours > 24) {
    log.increaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: stream.retentionHours });
  }
}

async function createCheckpointTable(dynamodb: DynamoDBClient, name: string): Promise<void> {
  const { partition, sort } = CHECKPOINT_TABLE_KEY;
  await dynamodb.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [partition, sort].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: partition, KeyType: 'HASH' },
        { AttributeName: sort, KeyType: 'RANGE' },
      ],
    }),
  );
}

function streamNameOf(names: Names, stream: StreamPlan): string {
  if (stream.kind === 'own') return names.stream(stream.pipeline, stream.name);
  throw new UserMistake(`the stream ${stream.arn} exists on AWS only, so this pipeline cannot run on this machine`);
}

function clientsOf({ kinesis, dynamodb, s3, sqs }: Endpoints): Target['clients'] {
  const common = { ...LOCAL, requestHandler: new NodeHttpHandler() };
  return {
    kinesis: new KinesisClient({ ...common, endpoint: kinesis }),
    dynamodb: new DynamoDBClient({ ...common, endpoint: dynamodb }),
    s3: new S3Client({ ...common, endpoint: s3, forcePathStyle: true }),
    sqs: new SQSClient({ ...common, endpoint: sqs }),
  };
}

const LOCAL = { region: REGION, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
