import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { dynamoClient } from '../../functions/runtime/aws/dynamo.ts';
import { kinesisClient } from '../../functions/runtime/aws/kinesis.ts';
import { s3Client } from '../../functions/runtime/aws/s3.ts';
import { sqsClient } from '../../functions/runtime/aws/sqs.ts';
import type { MarkLimits } from '../../functions/runtime/checkpoints/runs.ts';
import { openPullHandler } from '../../functions/runtime/pull-handler.ts';
import { openQueueHandler, type QueueSurroundings } from '../../functions/runtime/queue-handler.ts';
import { openRequestHandler, type ReceivingSurroundings } from '../../functions/runtime/request-handler.ts';
import type { SinkDefinition } from '../../functions/runtime/sink.ts';
import { openSink } from '../../functions/runtime/sink-handler.ts';
import type { Table } from '../../functions/runtime/table.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { openTransform } from '../../functions/runtime/transform-handler.ts';
import { dynamoDbDefinition } from '../../functions/sinks/dynamodb/dynamodb.ts';
import type { Send as SendToCatalog } from '../../functions/sinks/iceberg/catalog/send.ts';
import { icebergOver } from '../../functions/sinks/iceberg/iceberg.ts';
import { openSearchOver } from '../../functions/sinks/opensearch/opensearch.ts';
import type { Send } from '../../functions/sinks/opensearch/send.ts';
import { mergeFiles } from '../../functions/sinks/s3/parquet/merge-files.ts';
import { parquetSinkWith } from '../../functions/sinks/s3/parquet/parquet.ts';
import { parquetFiles } from '../../functions/sinks/s3/parquet/parquet-file.ts';
import type { Post } from '../../functions/sinks/webhook/post.ts';
import { webhookOver } from '../../functions/sinks/webhook/webhook.ts';
import { generatorDefinition } from '../../functions/sources/generator/generator.ts';
import { httpDefinition } from '../../functions/sources/http/http.ts';
import { mqttDefinition } from '../../functions/sources/mqtt/mqtt.ts';
import { postgresChangesDefinition } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { postgresQueryDefinition } from '../../functions/sources/postgres-query/postgres-query.ts';
import { s3FilesDefinition } from '../../functions/sources/s3-files/s3-files.ts';
import type { SinkName, SourceName } from '../../infra/connectors.ts';
import { randomUuid } from '../../infra/emulator/random-uuid.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import { callName } from './call-names.ts';
import { type Calls, throttleError } from './calls.ts';
import { type Deadly, deathIn, sinkIn, transformIn } from './deaths.ts';
import type { Handler } from './functions.ts';
import { operationOn } from './iceberg-catalog.ts';
import type { AwsCommand } from './service.ts';
import type { ClientCall, SimulatedProcess } from './simulated-process.ts';
import type { Stage } from './stage.ts';
import type { DatabaseCall } from './tables.ts';

type Surroundings = QueueSurroundings & ReceivingSurroundings;

/** The real sources. A connector that is missing here does not compile. */
const sources: Record<SourceName, (surroundings: Surroundings) => unknown> = {
  generator: (surroundings) => openPullHandler(generatorDefinition, surroundings),
  http: (surroundings) => openRequestHandler(httpDefinition, surroundings),
  mqtt: (surroundings) => openPullHandler(mqttDefinition, surroundings),
  'postgres-query': (surroundings) => openPullHandler(postgresQueryDefinition, surroundings),
  // There is no server here: give the events of the stream.
  'postgres-changes': (surroundings) => openPullHandler({ ...postgresChangesDefinition, open: silent }, surroundings),
  's3-files': (surroundings) => openQueueHandler(s3FilesDefinition, surroundings),
};

/** Opens a source that has nothing to read. */
const silent: typeof postgresChangesDefinition.open = (context) => ({
  position: postgresChangesDefinition.open(context).position,
  async *read() {},
});

/** Returns a sink's definition: the real one, except that Postgres is a model, because there is no server here. */
function sinkOf(connector: SinkName, world: World, process: SimulatedProcess): SinkDefinition<never, never> {
  const definitions: Record<SinkName, unknown> = {
    s3: lakeSink(process),
    dynamodb: dynamoDbDefinition,
    postgres: world.stage.tables.sink(databaseCall(world, process)),
    opensearch: openSearchOver({ send: searchCall(world, process), sleep: process.sleep, random: process.random }),
    iceberg: tableSink(world, process),
    webhook: webhookOver({ post: webhookCall(world, process) }),
  };
  return definitions[connector] as SinkDefinition<never, never>;
}

/** The definition of both formats. The clock stands still while DuckDB works, because its thread is on no clock. */
function lakeSink(process: SimulatedProcess) {
  return parquetSinkWith(makeFilesOn(process), (...given) => process.clock.hold(() => mergeFiles(...given)));
}

function makeFilesOn({ clock }: SimulatedProcess): typeof parquetFiles {
  return (...given) => {
    const contentOf = parquetFiles(...given);
    return (file, signal) => clock.hold(() => contentOf(file, signal));
  };
}

/** The catalogue is in the run's memory. */
function tableSink(world: World, process: SimulatedProcess) {
  return icebergOver({ send: catalogCall(world, process), makeFiles: makeFilesOn(process) });
}

/** Returns a table step's definition: the real one, over the same model of Postgres. */
function tableOf(step: StepPlan, world: World, process: SimulatedProcess): SinkDefinition<never, never> {
  const definition = world.stage.tables.tableStep(world.tableOf(step), databaseCall(world, process));
  return definition as unknown as SinkDefinition<never, never>;
}

function databaseCall({ calls }: World, process: SimulatedProcess): DatabaseCall {
  return (operation, perform, signal) =>
    calls.make(process, {
      name: `postgres.${operation}`,
      perform,
      signal,
      attempts: 1,
      throttled: () => {
        throw Object.assign(new Error('sorry, too many clients already'), { code: '53300' });
      },
    });
}

function webhookCall({ calls, stage }: World, process: SimulatedProcess): Post {
  return (url, request, signal) =>
    calls.make(process, {
      name: 'webhook.Post',
      perform: () => stage.webhooks.receive(url, request),
      signal,
      attempts: 1,
      throttled: () => ({ status: 429, retryAfter: '2', location: undefined, start: '' }),
    });
}

function searchCall({ calls, stage }: World, process: SimulatedProcess): Send {
  return (_endpoint, { method, path, body }, signal) =>
    calls.make(process, {
      name: `opensearch.${searchCallName(method, path)}`,
      perform: () => stage.search.perform({ method, path, body: Buffer.from(body ?? []).toString() }),
      signal,
      attempts: 1,
      throttled: () => ({ status: 429, text: '' }),
    });
}

/** `Bulk` of `_bulk`, `Doc` of `_doc`; `Index` of the index itself. */
function searchCallName(method: string, path: string): string {
  const [, , operation = 'index'] = path.split('/');
  const word = operation.replace('_', '');
  return `${method === 'PUT' ? 'Put' : ''}${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

function catalogCall({ calls, stage }: World, process: SimulatedProcess): SendToCatalog {
  return (_endpoint, request, signal) =>
    calls.make(process, {
      name: `iceberg.${operationOn(request)}`,
      perform: () => stage.iceberg.answerStep(request),
      signal,
      attempts: 1,
      throttled: () => ({ status: 503, text: '' }),
    });
}

/** What a step's process needs from the run. */
export interface World {
  readonly stage: Stage;
  readonly calls: Calls;
  transformOf(step: StepPlan): Pick<Transform, 'run'>;
  tableOf(step: StepPlan): Table;
  /** Returns which events kill a step's function. */
  deadlyOf(step: StepPlan): Deadly | undefined;
  log(step: StepPlan, line: string): void;
  readonly markLimits?: MarkLimits | undefined;
}

/** Opens a step: the real runtime with clients that call the stage's services. Call this inside the process. */
export function openStepIn(world: World, step: StepPlan, process: SimulatedProcess): Handler {
  const client = (serviceId: string) => ({
    send: (command: object, options?: { readonly abortSignal?: AbortSignal }) =>
      process.send({ serviceId, command, signal: options?.abortSignal }),
  });
  const surroundings = {
    config: world.stage.configOf(step),
    kinesis: client('Kinesis'),
    dynamodb: client('DynamoDB'),
    s3: client('S3'),
    sqs: client('SQS'),
    processId: randomUuid(process.random),
    portion: world.stage.portion,
    now: process.clock.now,
    markLimits: world.markLimits,
    log: (line: string) => {
      if (process.isAlive()) world.log(step, line);
    },
  } as unknown as Surroundings;
  const survive = deathIn(process, () => world.deadlyOf(step));
  switch (step.kind) {
    case 'transform':
      return openTransform(transformIn(world.transformOf(step), survive), surroundings) as Handler;
    case 'source':
      return sources[step.connector](surroundings) as Handler;
    case 'table':
      return openSink(sinkIn(tableOf(step, world, process), survive), surroundings) as Handler;
    case 'sink':
      return openSink(sinkIn(sinkOf(step.connector, world, process), survive), surroundings) as Handler;
  }
}

/** Sends a client's command from a process to the stage's service. */
export async function sendFrom(
  { stage, calls }: Pick<World, 'stage' | 'calls'>,
  process: SimulatedProcess,
  sent: ClientCall,
): Promise<object> {
  const { serviceId, command, signal } = sent;
  const services = { Kinesis: stage.streams, DynamoDB: stage.dynamodb, S3: stage.s3, SQS: stage.sqs };
  if (!(serviceId in services))
    throw new Error(`the kit has no ${serviceId}; it has ${Object.keys(services).join(', ')}`);
  const service = serviceId as keyof typeof services;
  return calls.make(process, {
    name: callName(service.toLowerCase(), command as AwsCommand, { names: stage.names, step: process.step }),
    perform: () => services[service].call(command as AwsCommand, signal),
    throttled: () => {
      if (command instanceof PutRecordsCommand) return stage.streams.throttledPut(command, process.random);
      throw throttleError(service.toLowerCase());
    },
    attempts: (await attemptsOfClients())[service],
    signal,
  });
}

/** Returns how often the runtime's clients send a request in all. The number is read from the clients themselves. */
function attemptsOfClients() {
  attempts ??= (async () => ({
    Kinesis: await kinesisClient().config.maxAttempts(),
    DynamoDB: await dynamoClient().config.maxAttempts(),
    S3: await s3Client({ pathStyle: false }).config.maxAttempts(),
    SQS: await sqsClient().config.maxAttempts(),
  }))();
  return attempts;
}

let attempts: Promise<Record<'Kinesis' | 'DynamoDB' | 'S3' | 'SQS', number>> | undefined;
