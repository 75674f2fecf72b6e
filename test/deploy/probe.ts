import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { KinesisClient, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { explained } from '../../infra/endpoint/faults.ts';
import type { Server } from './server.ts';

/** Asks each service that the pipelines call for a list. Rejects with a line for the first that cannot be had. */
export async function probeServices(server: Pick<Server, 'endpoint' | 'region' | 'credentials'>): Promise<void> {
  const common = { ...server, maxAttempts: 1, requestHandler: new NodeHttpHandler() };
  const calls: readonly (readonly [service: string, call: () => Promise<unknown>])[] = [
    ['Kinesis', () => new KinesisClient(common).send(new ListStreamsCommand())],
    ['Lambda', () => new LambdaClient(common).send(new ListEventSourceMappingsCommand())],
    ['S3', () => new S3Client({ ...common, forcePathStyle: true }).send(new ListBucketsCommand())],
    ['SQS', () => new SQSClient(common).send(new ListQueuesCommand())],
    ['DynamoDB', () => new DynamoDBClient(common).send(new ListTablesCommand())],
    ['Secrets Manager', () => new SecretsManagerClient(common).send(new ListSecretsCommand())],
  ];
  for (const [service, call] of calls) {
    try {
      await call();
    } catch (error) {
      const why = explained(error, server.endpoint);
      throw why instanceof UserMistake ? new UserMistake(`${service}: ${why.message}`) : why;
    }
  }
}
