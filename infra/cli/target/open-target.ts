import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { PostgresServer } from '../../../functions/clients/postgres-login.ts';
import { Reply } from '../../../functions/clients/query.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import {
  endpointIsOverridden,
  parseEnvironmentConfig,
  parseOrExplain,
} from '../../../functions/runtime/step-config.ts';
import { streamNameOf } from '../../constructs/stream-names.ts';
import { DEV_FILE, findDev, type RunningDev } from '../../local/dev-file.ts';
import { localTarget } from '../../local/target.ts';
import { namesOf, Stage } from '../../names.ts';
import { explainAwsError } from '../../operation/aws-mistakes.ts';
import { CatalogPlace } from '../../operation/catalog-place.ts';
import { invokeFunction } from '../../operation/invoke.ts';
import { cloudWatchRates, type RateReader } from '../../operation/status/rates.ts';
import type { Target, TargetWithFunctions } from '../../operation/target.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import type { CommandInvocation } from '../command.ts';
import { targetOptions } from './options.ts';

/** A target that is open, and the pipelines that it runs. */
export interface FoundTarget extends Disposable {
  readonly target: TargetWithFunctions;
  /** What reports call it: `dev on this machine`. */
  readonly title: string;
  /** The pipelines that run there. Undefined for a stage on AWS, which may run any of the repository. */
  readonly pipelines: readonly string[] | undefined;
  /** Undefined for a dev, which tells them to its own console only. */
  readonly rates?: RateReader;
}

/** A stage on AWS that is open. */
export interface FoundStage extends FoundTarget {
  readonly lambda: LambdaClient;
  readonly secrets: SecretsManagerClient;
}

/**
 * Opens the dev that runs in this folder, or a stage on AWS when any of the options names one. Throws a `UserMistake`
 * when there is neither: a command meant for a dev that has just ended must never reach a stage.
 */
export async function openTarget({ values, signal }: CommandInvocation): Promise<FoundTarget> {
  const named = Object.keys(targetOptions).some((option) => values[option] !== undefined);
  if (named) return openStage(values, signal);
  const dev = await findDev();
  if (dev !== undefined && 'pid' in dev) return openDev(dev, signal);
  const left = dev === undefined ? '' : `; process ${dev.ended}, which wrote ${DEV_FILE}, has ended`;
  throw new UserMistake(
    `no dev runs in this folder: start one (npm run dev), or name a stage on AWS (--stage dev)${left}`,
  );
}

async function openDev(dev: RunningDev, signal: AbortSignal): Promise<FoundTarget> {
  const target = localTarget(dev, dev.database);
  try {
    await describeTable(target.clients.dynamodb, target.names.checkpoints, signal);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserMistake(
      `the dev of ${DEV_FILE} (process ${dev.pid}) does not answer (${code ?? message}): stop it and start it again`,
    );
  }
  return {
    target,
    title: 'dev on this machine',
    pipelines: dev.pipelines,
    [Symbol.dispose]: () => target[Symbol.dispose](),
  };
}

/** Opens the stage on AWS that the options name. Throws a `UserMistake` when it is not there. */
export async function openStage(values: CommandInvocation['values'], signal: AbortSignal): Promise<FoundStage> {
  const stage = parseOrExplain(Stage, values.stage ?? 'dev', '--stage');
  // Every client of the SDK reads these variables, the clients of connectors too.
  for (const [option, variable] of ENVIRONMENT) {
    if (values[option] !== undefined) process.env[variable] = String(values[option]);
  }
  const common = { requestHandler: new NodeHttpHandler() };
  const clients = {
    kinesis: new KinesisClient(common),
    dynamodb: new DynamoDBClient(common),
    s3: new S3Client({ ...common, forcePathStyle: endpointIsOverridden() }),
    // Some emulators of AWS return queue URLs whose host does not resolve.
    sqs: new SQSClient({ ...common, useQueueUrlAsEndpoint: false }),
  };
  const lambda = new LambdaClient(common);
  const secrets = new SecretsManagerClient(common);
  const cloudwatch = new CloudWatchClient(common);
  // The names of buckets contain the account. The checkpoint table's name does not, and the table's ARN tells account,
  // region and partition.
  const { checkpoints } = namesOf({ stage, account: '', region: '', partition: '' });
  const arn = await describeTable(clients.dynamodb, checkpoints, signal).catch((error: Error) => {
    throw explainMissingStage(error, stage, checkpoints);
  });
  const [, partition = 'aws', , region = '', account = ''] = arn.split(':');
  const names = namesOf({ stage, account, region, partition });
  const resourcesOf = async ({ pipeline, name }: StepPlan, abortSignal: AbortSignal): Promise<unknown> => {
    const command = new GetFunctionConfigurationCommand({ FunctionName: names.step(pipeline, name) });
    const { Environment } = await lambda.send(command, { abortSignal });
    return parseEnvironmentConfig(Environment?.Variables?.STEP_CONFIG ?? '').resources;
  };
  const target: TargetWithFunctions = {
    names,
    clients,
    streamName: (stream) => streamNameOf(stream, names),
    invoke: ({ pipeline, name }, request, abortSignal) =>
      invokeFunction(lambda, { name: names.step(pipeline, name), request }, abortSignal),
    async ask(question, abortSignal) {
      const called = { name: names.databaseQuery, request: question, ifMissing: NO_READER };
      return Reply.parse(await invokeFunction(lambda, called, abortSignal));
    },
    async databaseOf(step, abortSignal) {
      // Functions that were deployed by an earlier version have the columns of their table here.
      const { columns: _, ...server } = (await resourcesOf(step, abortSignal)) as Record<string, unknown>;
      return PostgresServer.parse(server);
    },
    catalogOf: async (step, abortSignal) => CatalogPlace.parse(await resourcesOf(step, abortSignal)),
  };
  return {
    target,
    lambda,
    secrets,
    title: `stage '${stage}' in ${region} (${account})`,
    pipelines: undefined,
    rates: cloudWatchRates(cloudwatch, stage),
    ...disposalOf(target, lambda, secrets, cloudwatch),
  };
}

const NO_READER =
  "deploy the stage again; a database that was given with -c database needs a 'reader' (docs/tables.md#ask-a-table)";

const ENVIRONMENT = [
  ['profile', 'AWS_PROFILE'],
  ['region', 'AWS_REGION'],
  ['endpoint', 'AWS_ENDPOINT_URL'],
] as const;

async function describeTable(dynamodb: DynamoDBClient, TableName: string, abortSignal: AbortSignal): Promise<string> {
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }), { abortSignal });
  return Table?.TableArn ?? '';
}

function explainMissingStage(error: Error, stage: string, table: string): unknown {
  if (error.name === 'ResourceNotFoundException')
    return new UserMistake(
      `there is no stage '${stage}' in this account and region: its table ${table} is missing; deploy it, or name another`,
    );
  if (error.name === 'CredentialsProviderError' || /credential/i.test(error.name))
    return new UserMistake(
      `there are no AWS credentials (${error.message}): name a profile (--profile), or leave out --stage to use the dev of this folder (npm run dev)`,
    );
  return explainAwsError(error);
}

function disposalOf({ clients }: Target, ...more: readonly { destroy(): void }[]): Disposable {
  return {
    [Symbol.dispose]() {
      for (const client of [...Object.values(clients), ...more]) client.destroy();
    },
  };
}
