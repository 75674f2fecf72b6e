import { CHECKPOINT_TABLE_KEY } from '../../functions/runtime/checkpoints/checkpoints.ts';
import type { PortionBounds } from '../../functions/runtime/log/portion.ts';
import type { StepConfig } from '../../functions/runtime/step-config.ts';
import { searchFieldsOf } from '../../functions/sinks/opensearch/fields.ts';
import { mappingOf } from '../../functions/sinks/opensearch/mapping.ts';
import { columnsOf } from '../../functions/sinks/postgres/columns.ts';
import { generationOf } from '../../infra/bundle.ts';
import { connectors } from '../../infra/connectors.ts';
import { LIMITS } from '../../infra/delivery.ts';
import type { VirtualClock } from '../../infra/emulator/clock.ts';
import { createSearchIndices, type SearchIndices } from '../../infra/local/servers/search-indices.ts';
import { type Names, namesOf } from '../../infra/names.ts';
import type { LaptopResources } from '../../infra/needs.ts';
import { outputsOf, type PipelinePlan, type SinkPlan, type StepPlan, schemaOf } from '../../infra/pipelines/plan.ts';
import { stepConfigOf } from '../../infra/pipelines/step-config.ts';
import type { OwnStreamPlan, StreamPlan } from '../../infra/pipelines/streams.ts';
import { serverOnLaptop } from '../../infra/sinks/postgres.ts';
import { createDynamoDb, type DynamoDb } from './dynamodb.ts';
import { createIceberg, type RunCatalog } from './iceberg-catalog.ts';
import { createS3, type S3 } from './s3.ts';
import { createSqs, type Sqs } from './sqs.ts';
import { createStreams, type Streams } from './streams.ts';
import { createTables, type Tables } from './tables.ts';
import { createWebhooks, WEBHOOKS, type Webhooks } from './webhooks.ts';

/** A stage's resources in memory, empty, under the names that they have on AWS. */
export interface Stage {
  readonly names: Names;
  readonly streams: Streams;
  readonly dynamodb: DynamoDb;
  readonly s3: S3;
  readonly sqs: Sqs;
  readonly tables: Tables;
  readonly webhooks: Webhooks;
  readonly iceberg: RunCatalog;
  readonly search: SearchIndices;
  /** Set where records are small: then portions are small too, so that few events make several. */
  readonly portion: PortionBounds | undefined;
  /** How often changed code of each step was deployed. */
  readonly changes: Map<StepPlan, number>;
  streamName(stream: StreamPlan): string;
  /** Returns the configuration of a step's function. */
  configOf(step: StepPlan): StepConfig;
}

const ACCOUNT = '000000000000';
const REGION = 'us-east-1';

/** Duplicate deliveries are rare on AWS. Here they are frequent enough for every longer test to meet one. */
export const TWICE_PROBABILITY = 0.1;

export async function createStage(
  plans: readonly PipelinePlan[],
  of: {
    readonly clock: VirtualClock;
    readonly seed: number;
    readonly random: () => number;
    readonly recordBytes: number | undefined;
  },
): Promise<Stage> {
  const { clock, seed, random, recordBytes } = of;
  const names = namesOf({ stage: 'test', account: ACCOUNT, region: REGION, partition: 'aws' });
  const places = placesOf(names);
  const stage: Stage = {
    names,
    streams: createStreams({ clock, seed, recordBytes }),
    dynamodb: createDynamoDb(),
    s3: createS3(clock),
    sqs: createSqs({ clock, random, twiceProbability: TWICE_PROBABILITY }),
    tables: createTables({ pageBytes: recordBytes === undefined ? undefined : SMALL_PAGE_BYTES }),
    webhooks: createWebhooks(),
    iceberg: createIceberg(names.lake, () => clock.now()),
    search: createSearchIndices(),
    portion: recordBytes === undefined ? undefined : SMALL_PORTION,
    changes: new Map(),
    streamName: (stream) => streamNameOf(names, stream),
    configOf: (step) =>
      stepConfigOf(step, {
        stage: names.stage,
        checkpoints: names.checkpoints,
        deadLetters: names.deadLetters,
        lake: names.lake,
        generation: generationOf({ sha256: `kit ${stage.changes.get(step) ?? 0}` }, step.options),
        nameOf: (stream) => streamNameOf(names, stream),
        ...(step.delivery === 'queue' ? { queue: stage.sqs.urlOf(names.step(step.pipeline, step.name)) } : {}),
        ...(step.kind === 'transform' ? {} : { resources: resourcesOf(step, places) }),
      }),
  };
  stage.dynamodb.createTable(names.checkpoints, CHECKPOINT_TABLE_KEY);
  for (const bucket of [names.deadLetters, names.landing, names.lake]) stage.s3.createBucket(bucket);
  for (const step of plans.flatMap(({ steps }) => steps)) {
    if (step.delivery === 'queue') createQueues(stage, step);
    if (step.kind === 'sink' && step.connector === 'opensearch') createIndex(stage, step);
  }
  for (const stream of streamsOf(plans)) await createStream(stage, stream, clock);
  return stage;
}

/** About two changes of a table. */
const SMALL_PAGE_BYTES = 2_000;

const SMALL_PORTION: PortionBounds = { events: 8, rejections: 2, bytes: Number.POSITIVE_INFINITY };

/** Returns the pipelines' own streams and the existing streams that they use. */
function streamsOf(plans: readonly PipelinePlan[]): readonly StreamPlan[] {
  const used = plans.flatMap(({ steps }) =>
    steps.flatMap((step) => [...(step.kind === 'source' ? [] : [step.input.stream]), ...outputsOf(step)]),
  );
  const existing = used.filter((stream) => stream.kind === 'existing');
  const own: readonly OwnStreamPlan[] = plans.flatMap(({ streams }) => streams);
  return [...own, ...new Map(existing.map((stream) => [stream.arn, stream])).values()];
}

/** The shards of a new stream with on-demand capacity. */
const ON_DEMAND_SHARDS = 4;
const TRANSITION_MILLIS = 100;

async function createStream(stage: Stage, stream: StreamPlan, clock: VirtualClock): Promise<void> {
  const { log, shards } = stage.streams;
  const StreamName = stage.streamName(stream);
  const count = stream.kind === 'existing' ? 1 : stream.shards === 'on-demand' ? ON_DEMAND_SHARDS : stream.shards;
  log.createStream({ StreamName, ShardCount: count });
  await clock.advance(TRANSITION_MILLIS);
  const retention = stream.retentionHours ?? 24;
  if (retention > 24) {
    log.increaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: retention });
    await clock.advance(TRANSITION_MILLIS);
  }
  shards(StreamName);
}

/** Creates a source's queues as the construct of a queue's function does. */
function createQueues({ sqs, names }: Stage, { pipeline, name }: StepPlan): void {
  const failed = names.failedItems(pipeline, name);
  sqs.createQueue(failed, { visibilityTimeoutSeconds: 30 });
  sqs.createQueue(names.step(pipeline, name), {
    visibilityTimeoutSeconds: 6 * LIMITS.queue.timeoutSeconds,
    redrive: { to: failed, maxReceiveCount: 10 },
  });
}

/** Creates the index of a sink that does not make it itself, from the stream's schema. */
function createIndex({ search, names }: Stage, step: SinkPlan): void {
  const { index, create } = step.options as { readonly index: string; readonly create: boolean };
  if (create) return;
  const body = JSON.stringify({ mappings: mappingOf(searchFieldsOf(schemaOf(step))) });
  search.perform({ method: 'PUT', path: `/${names.tablePrefix}${index}`, body });
}

function streamNameOf(names: Names, stream: StreamPlan): string {
  return stream.kind === 'own'
    ? names.stream(stream.pipeline, stream.name)
    : stream.arn.slice(stream.arn.indexOf('/') + 1);
}

function placesOf({ stage, landing, lake, tablePrefix }: Names): LaptopResources {
  const database = { host: '127.0.0.1', port: 1, name: 'none', user: 'none', password: 'none' };
  return {
    landing,
    lake,
    database,
    webhooks: WEBHOOKS,
    search: NOBODY,
    tablePrefix,
    iceberg: { stage, endpoint: NOBODY },
  };
}

/** Nobody listens here: the indices of a run are in its memory. */
const NOBODY = 'http://127.0.0.1:1';

/** Returns a connector's resources. The kit creates tables from the stream's schema. */
function resourcesOf(step: Exclude<StepPlan, { kind: 'transform' }>, places: LaptopResources): unknown {
  if (step.kind === 'table') return serverOnLaptop(places.database);
  const { pipeline, name, options, connector } = step;
  const schema = schemaOf(step);
  const resources = connectors[connector].onLaptop({ pipeline, name, options, schema }, places);
  return connector === 'postgres' ? { ...(resources as object), columns: columnsOf(schema) } : resources;
}
