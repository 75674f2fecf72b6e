import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { KinesisClient, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { explainFault } from '../../infra/endpoint/faults.ts';
import { explainAwsError } from '../../infra/operation/aws-mistakes.ts';
import { type Caller, clientOptions } from './caller.ts';
import { callQuery } from './signed-call.ts';

/** Requests a list from each service that the suite needs. Rejects with a line about the first that does not answer. */
export async function probeServices(caller: Caller): Promise<void> {
  const common = { ...clientOptions(caller), maxAttempts: 1 };
  const calls: readonly (readonly [service: string, call: () => Promise<unknown>])[] = [
    ['Kinesis', () => new KinesisClient(common).send(new ListStreamsCommand())],
    ['Lambda', () => new LambdaClient(common).send(new ListEventSourceMappingsCommand())],
    ['S3', () => new S3Client({ ...common, forcePathStyle: true }).send(new ListBucketsCommand())],
    ['SQS', () => new SQSClient(common).send(new ListQueuesCommand())],
    ['DynamoDB', () => new DynamoDBClient(common).send(new ListTablesCommand())],
    ['Secrets Manager', () => new SecretsManagerClient(common).send(new ListSecretsCommand())],
    ['CloudFormation', () => listStacks(caller)],
  ];
  for (const [service, call] of calls) {
    try {
      await call();
    } catch (error) {
      const { endpoint } = caller;
      const why = endpoint === undefined ? explainAwsError(error) : explainFault(error, endpoint);
      throw why instanceof UserMistake ? new UserMistake(`${service}: ${why.message}`) : why;
    }
  }
}

/** Resolves to the account of the credentials. */
export async function accountOf(caller: Caller): Promise<string> {
  const { ok, status, said } = await callQuery('sts', { Action: 'GetCallerIdentity', Version: '2011-06-15' }, caller);
  const account = /<Account>(\d{12})<\/Account>/.exec(said)?.[1];
  if (ok && account !== undefined) return account;
  throw new UserMistake(
    `STS: ${caller.endpoint ?? 'AWS'} does not name the account (${status}): start a server that supports GetCallerIdentity, or export other credentials`,
  );
}

async function listStacks(caller: Caller): Promise<void> {
  const { ok, status, said } = await callQuery(
    'cloudformation',
    { Action: 'ListStacks', Version: '2010-05-15' },
    caller,
  );
  if (ok) return;
  const name = /<Code>([A-Za-z]+)<\/Code>/.exec(said)?.[1] ?? 'not an answer of AWS';
  throw Object.assign(new Error(said.slice(0, 200)), { name, $metadata: { httpStatusCode: status } });
}
