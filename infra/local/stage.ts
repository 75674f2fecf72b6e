import { CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { CHECKPOINT_TABLE_KEY } from '../../functions/runtime/checkpoints/checkpoints.ts';
import type { Names } from '../names.ts';
import type { LaptopResources } from '../needs.ts';
import type { Target } from '../operation/target.ts';
import type { PipelinePlan, StepPlan } from '../pipelines/plan.ts';
import type { CatalogSettings } from './servers/iceberg/catalog.ts';
import { startIcebergCatalog } from './servers/iceberg/server.ts';
import type { Servers } from './servers/servers.ts';
import { ACCOUNT, localCatalog, localServers } from './target.ts';

/** A stage on this machine: empty streams, buckets and tables under the names that they would have on AWS. */
export interface LocalStage extends Target {
  readonly resources: LaptopResources;
  /** Environment variables that direct a function's AWS clients to this machine. */
  readonly environment: Readonly<Record<string, string>>;
  queueUrl(step: StepPlan): string;
}

const DATABASE = 'millrace';

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
  const iceberg = await startIcebergCatalog(filesIn(clients.s3, names.lake));
  running.defer(() => iceberg.stop());
  await Promise.all([
    createCheckpointTable(clients.dynamodb, names.checkpoints),
    servers.postgres.createDatabase(DATABASE),
  ]);
  return {
    ...target,
    catalogOf: localCatalog(iceberg.endpoint),
    resources: {
      landing: names.landing,
      lake: names.lake,
      database,
      webhooks: servers.webhooks.endpoint,
      search: servers.search.endpoint,
      tablePrefix: names.tablePrefix,
      iceberg: { stage: names.stage, endpoint: iceberg.endpoint },
    },
    environment: {
      AWS_ENDPOINT_URL_KINESIS: servers.kinesis,
      AWS_ENDPOINT_URL_DYNAMODB: servers.dynamodb,
      AWS_ENDPOINT_URL_S3: servers.s3,
      AWS_ENDPOINT_URL_SQS: servers.sqs,
    },
    queueUrl: (step) => `${servers.sqs}/${ACCOUNT}/${names.step(step.pipeline, step.name)}`,
  };
}

/** Lets the catalogue of Iceberg tables keep their metadata in the lake, where their rows are. */
function filesIn(s3: S3Client, bucket: string): CatalogSettings {
  const keyOf = (url: string): string => url.slice(`s3://${bucket}/`.length);
  return {
    folder: `s3://${bucket}/iceberg`,
    now: Date.now,
    async store(url, Body) {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: keyOf(url), Body }));
    },
    async remove(url) {
      await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOf(url) }));
    },
  };
}

/** The shards of a stream with on-demand capacity. Two are enough to show what several shards mean. */
const ON_DEMAND_SHARDS = 2;

/** Creates a pipeline's stream. */
export function createStream(
  { log }: Pick<Servers, 'log'>,
  names: Names,
  stream: PipelinePlan['streams'][number],
): void {
  const StreamName = names.stream(stream.pipeline, stream.name);
  log.createStream({ StreamName, ShardCount: stream.shards === 'on-demand' ? ON_DEMAND_SHARDS : stream.shards });
  if (stream.retentionHours > 24) {
    log.increaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: stream.retentionHours });
  }
}

/** Creates the table of checkpoints. */
export async function createCheckpointTable(dynamodb: DynamoDBClient, name: string): Promise<void> {
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
