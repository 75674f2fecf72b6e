import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { PostgresServer } from '../../functions/clients/postgres-login.ts';
import { askDatabase, READER } from '../../functions/clients/query.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Names, namesOf } from '../names.ts';
import type { LaptopResources } from '../needs.ts';
import type { CatalogPlace } from '../operation/catalog-place.ts';
import { invokeFunction } from '../operation/invoke.ts';
import type { Target, TargetWithFunctions } from '../operation/target.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { LAPTOP, ownNamespace } from '../sinks/iceberg.ts';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';
const STAGE = 'local';

/** The addresses of the local servers. */
export interface Endpoints {
  readonly kinesis: string;
  readonly dynamodb: string;
  readonly s3: string;
  readonly sqs: string;
}

/** Opens a running dev as a target. `lambda` is the endpoint for calling its functions, `iceberg` its catalogue. */
export function localTarget(
  at: Endpoints & { readonly lambda: string; readonly iceberg: string },
  database: LaptopResources['database'],
): TargetWithFunctions & Disposable {
  const servers = localServers(at, database);
  const lambda = new LambdaClient({ ...LOCAL, endpoint: at.lambda, maxAttempts: 1 });
  return {
    ...servers,
    catalogOf: localCatalog(at.iceberg),
    invoke: ({ pipeline, name }, request, signal) =>
      invokeFunction(lambda, { name: servers.names.step(pipeline, name), request }, signal),
    [Symbol.dispose]() {
      for (const client of [...Object.values(servers.clients), lambda]) client.destroy();
    },
  };
}

/** Opens the local servers as a target without functions and without a catalogue. */
export function localServers(at: Endpoints, database: LaptopResources['database']): Omit<Target, 'catalogOf'> {
  const names = namesOf({ stage: STAGE, account: ACCOUNT, region: REGION, partition: 'aws' });
  return {
    names,
    clients: clientsOf(at),
    streamName: (stream) => streamNameOf(names, stream),
    databaseOf: async () => loginOf(database),
    ask: (question, signal) => askDatabase({ ...loginOf(database), user: READER }, question, signal),
  };
}

/** Says where the catalogue is that stands for those of AWS. */
export function localCatalog(endpoint: string): Target['catalogOf'] {
  const place: CatalogPlace = { endpoint, warehouse: LAPTOP, namespace: ownNamespace(STAGE) };
  return async () => place;
}

/** Describes a laptop's database as clients expect it. */
function loginOf({ name, password, ...server }: LaptopResources['database']): PostgresServer {
  return { ...server, database: name, auth: { password }, tls: 'off' };
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
