import type { UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-kinesis';
import type { KinesisStreamEvent } from 'aws-lambda';
import { CHECKPOINT_TABLE_KEY } from '../../functions/runtime/checkpoints/checkpoints.ts';
import type { Invocation, StepSurroundings } from '../../functions/runtime/step.ts';
import { logClient } from '../../infra/emulator/log/client.ts';
import { createLog } from '../../infra/emulator/log/log.ts';
import { createDynamoDb } from '../kit/dynamodb.ts';
import { type AwsCommand, operationOf } from '../kit/service.ts';

/** An empty log without limits and an empty checkpoint table, both in memory, so that only our own work is measured. */
export interface Target {
  readonly kinesis: StepSurroundings['kinesis'];
  /** Everything written to the checkpoint table, as JSON, in order. */
  readonly writes: readonly string[];
  /** Returns the surroundings of the step `bench/<step>`, which reads one stream and writes the other. */
  surroundingsOf(step: string, of: { readonly input: string; readonly output?: string }): StepSurroundings;
  /** Returns the records of a stream's only shard as Lambda would deliver them, in batches of that many. */
  batches(stream: string, recordsABatch: number): Promise<readonly KinesisStreamEvent[]>;
}

/** Opens streams of one shard each. `own` is the upstream step, whose events are deduplicated. */
export function openTarget(streams: readonly string[], { own }: { readonly own: readonly string[] }): Target {
  // A new stream becomes active after a moment.
  let aheadMillis = 0;
  const clock = { now: () => Date.now() + aheadMillis };
  const log = createLog({ clock, seed: 1, limits: 'off' });
  for (const StreamName of streams) log.createStream({ StreamName, ShardCount: 1 });
  aheadMillis = 1_000;
  const kinesis = logClient(log);
  const dynamodb = createDynamoDb();
  dynamodb.createTable('checkpoints', CHECKPOINT_TABLE_KEY);
  const writes: string[] = [];
  const call = (command: AwsCommand): Promise<object> => {
    if (operationOf(command) === 'UpdateItem')
      writes.push(JSON.stringify((command.input as UpdateItemCommandInput).ExpressionAttributeValues));
    return dynamodb.call(command);
  };
  const nothing = () => Promise.reject(new Error('no event is rejected in a benchmark'));
  return {
    kinesis,
    writes,
    surroundingsOf: (step, { input, output }) => ({
      config: {
        pipeline: 'bench',
        step,
        stage: 'test',
        generation: 'bench',
        checkpoints: 'checkpoints',
        deadLetters: 'none',
        input: { stream: input, own: [...own], start: 'earliest' },
        ...(output === undefined ? {} : { output: { stream: output } }),
        options: {},
        resources: {},
      },
      kinesis,
      dynamodb: { send: call } as unknown as StepSurroundings['dynamodb'],
      s3: { send: nothing } as unknown as StepSurroundings['s3'],
      now: Date.now,
      log: () => undefined,
    }),
    async batches(stream, recordsABatch) {
      const records: KinesisStreamEvent['Records'] = [];
      const start = { StreamName: stream, ShardId: SHARD, ShardIteratorType: 'TRIM_HORIZON' } as const;
      let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(start));
      for (let before = -1; records.length > before; ) {
        before = records.length;
        const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
        ShardIterator = page.NextShardIterator;
        for (const { Data = new Uint8Array(), SequenceNumber = '', PartitionKey = '' } of page.Records ?? [])
          records.push(recordOf(stream, { Data, SequenceNumber, PartitionKey }));
      }
      const count = Math.ceil(records.length / recordsABatch);
      return Array.from({ length: count }, (_, index) => ({
        Records: records.slice(index * recordsABatch, (index + 1) * recordsABatch),
      }));
    },
  };
}

export const SHARD = 'shardId-000000000000';

/** Writes a record as Lambda's event carries it. */
export function recordOf(
  stream: string,
  of: { readonly Data: Uint8Array; readonly SequenceNumber: string; readonly PartitionKey: string },
): KinesisStreamEvent['Records'][number] {
  return {
    eventID: `${SHARD}:${of.SequenceNumber}`,
    eventName: 'aws:kinesis:record',
    eventSource: 'aws:kinesis',
    eventSourceARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`,
    eventVersion: '1.0',
    awsRegion: 'us-east-1',
    invokeIdentityArn: 'arn:aws:iam::000000000000:role/bench',
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey: of.PartitionKey,
      sequenceNumber: of.SequenceNumber,
      data: Buffer.from(of.Data).toString('base64'),
      approximateArrivalTimestamp: Date.now() / 1_000,
    },
  };
}

export const invocation: Invocation = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 300_000 };
