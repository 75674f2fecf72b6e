import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { ListEventSourceMappingsCommand, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { DeleteObjectsCommand, ListBucketsCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import type { Deployed } from './deployed.ts';

/** The resources of a stage: those that hold data, and those that run. */
export interface Left {
  readonly data: readonly string[];
  readonly works: readonly string[];
}

/** Lists the resources with the stage's name in each service. The list of one stage fits into one page. */
export async function leftOf({ clients, names }: Deployed): Promise<Left> {
  const { kinesis, dynamodb, s3, sqs, lambda } = clients;
  const [streams, tables, buckets, queues, functions, mappings] = await Promise.all([
    kinesis.send(new ListStreamsCommand()),
    dynamodb.send(new ListTablesCommand()),
    s3.send(new ListBucketsCommand()),
    sqs.send(new ListQueuesCommand({ QueueNamePrefix: names.platformStack })),
    lambda.send(new ListFunctionsCommand()),
    lambda.send(new ListEventSourceMappingsCommand()),
  ]);
  const ours = (kind: string, all: readonly (string | undefined)[] = []) =>
    all.filter((name = '') => name.startsWith(`${names.platformStack}-`)).map((name) => `${kind} ${name}`);
  const lastPart = (arn = '') => arn.split(/[:/]/).at(-1);
  return {
    data: [
      ...ours('stream', streams.StreamNames),
      ...ours('table', tables.TableNames),
      ...ours(
        'bucket',
        buckets.Buckets?.map(({ Name }) => Name),
      ),
    ].sort(),
    works: [
      ...ours('queue', queues.QueueUrls?.map(lastPart)),
      ...ours(
        'function',
        functions.Functions?.map(({ FunctionName }) => FunctionName),
      ),
      ...ours(
        'mapping',
        mappings.EventSourceMappings?.map(({ FunctionArn }) => lastPart(FunctionArn)),
      ),
    ].sort(),
  };
}

/** Empties a bucket, as its owner has to: CloudFormation does not delete a bucket that holds objects. */
export async function emptyBucket(s3: S3Client, Bucket: string): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key = '', VersionId }) => ({ Key, VersionId }));
    if (Objects.length === 0) return;
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  }
}
