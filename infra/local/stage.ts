import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { CHECKPOINT_TABLE_KEY } from '../../functions/runtime/checkpoints.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Names, namesOf } from '../names.ts';
import type { LaptopPlaces } from '../needs.ts';
import type { PipelinePlan, StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { ACCOUNT, REGION, type Servers } from './servers.ts';

/** What a stage has on AWS, on this machine: created empty, under the names it would have there. */
export interface LocalStage {
  readonly names: Names;
  readonly places: LaptopPlaces;
  readonly clients: Clients;
  /** What points a function's AWS clients at this machine, as a region does on AWS. */
  readonly environment: Readonly<Record<string, string>>;
  streamName(stream: StreamPlan): string;
  queueUrl(step: StepPlan): string;
}

export interface Clients {
  readonly kinesis: KinesisClient;
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
}

const DATABASE = 'millrace';

export async function createStage(
  servers: Servers,
  plans: readonly PipelinePlan[],
  running: AsyncDisposableStack,
): Promise<LocalStage> {
  const names = namesOf({ stage: 'local', account: ACCOUNT, region: REGION, partition: 'aws' });
  const clients = clientsOf(servers);
  running.defer(() => {
    for (const client of Object.values(clients)) client.destroy();
  });
  for (const bucket of [names.deadLetters, names.landing, names.lake]) servers.buckets.createBucket(bucket);
  for (const step of plans.flatMap(({ steps }) => steps)) {
    if (step.delivery === 'queue') servers.buckets.createQueue(names.step(step.pipeline, step.name));
  }
  for (const stream of plans.flatMap(({ streams }) => streams)) createStream(servers, names, stream);
  await Promise.all([
    createCheckpointTable(clients.dynamodb, names.checkpoints),
    servers.postgres.createDatabase(DATABASE),
  ]);
  const { host, port, user, password } = servers.postgres;
  return {
    names,
    clients,
    places: {
      landing: names.landing,
      lake: names.lake,
      database: { host, port, name: DATABASE, user, password },
    },
    environment: {
      AWS_ENDPOINT_URL_KINESIS: servers.kinesis,
      AWS_ENDPOINT_URL_DYNAMODB: servers.dynamodb,
      AWS_ENDPOINT_URL_S3: servers.s3,
      AWS_ENDPOINT_URL_SQS: servers.sqs,
    },
    streamName: (stream) => streamNameOf(names, stream),
    queueUrl: (step) => `${servers.sqs}/${ACCOUNT}/${names.step(step.pipeline, step.name)}`,
  };
}

/** Two shards stand for on-demand capacity: enough to show what more than one means. */
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
  throw new UserMistake(`the stream ${stream.arn} exists on AWS only: nothing of it is on this machine`);
}

function clientsOf({ kinesis, dynamodb, s3, sqs }: Servers): Clients {
  const common = {
    region: REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler: new NodeHttpHandler(),
  };
  return {
    kinesis: new KinesisClient({ ...common, endpoint: kinesis }),
    dynamodb: new DynamoDBClient({ ...common, endpoint: dynamodb }),
    s3: new S3Client({ ...common, endpoint: s3, forcePathStyle: true }),
    sqs: new SQSClient({ ...common, endpoint: sqs }),
  };
}
