import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { KinesisStreamEvent } from 'aws-lambda';
import { z } from 'zod';
import { CHECKPOINT_TABLE_KEY } from '../../../functions/runtime/checkpoints/checkpoints.ts';
import type { DeadLetter } from '../../../functions/runtime/dead-letters/dead-letter.ts';
import { parseLetterObject, readLetterObject } from '../../../functions/runtime/dead-letters/letter-objects.ts';
import { decodeRecord } from '../../../functions/runtime/record-codec/decode.ts';
import { defineSink, type OpenSink } from '../../../functions/runtime/sink.ts';
import type { Invocation, StepSurroundings } from '../../../functions/runtime/step.ts';
import { parseStepConfig, type StepConfig } from '../../../functions/runtime/step-config.ts';
import { type LogClient, logClient } from '../../../infra/emulator/log/client.ts';
import { createLog, type Log } from '../../../infra/emulator/log/log.ts';
import { startDynamodb } from '../../../infra/local/servers/dynamodb-server.ts';

/** One stage for tests of handlers: the emulated log, a real conditional table, and a bucket that only remembers. */
export interface Engine {
  readonly log: Log;
  readonly kinesis: LogClient;
  readonly letters: Map<string, DeadLetter>;
  readonly lines: string[];
  nowMillis: number;
  surroundings(config: Partial<StepConfig>): StepSurroundings;
  stop(): Promise<void>;
}

export async function startEngine(): Promise<Engine> {
  const table = await startDynamodb();
  const dynamodb = new DynamoDBClient({
    endpoint: table.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: new NodeHttpHandler(),
  });
  const { partition, sort } = CHECKPOINT_TABLE_KEY;
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'checkpoints',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [partition, sort].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: partition, KeyType: 'HASH' },
        { AttributeName: sort, KeyType: 'RANGE' },
      ],
    }),
  );
  const engine: Engine = {
    ...newStage(() => engine.nowMillis),
    letters: new Map(),
    lines: [],
    nowMillis: Date.parse('2026-01-01T00:00:00Z'),
    surroundings: (config) => ({
      config: parseStepConfig(
        JSON.stringify({
          pipeline: 'p',
          step: 's',
          stage: 'test',
          generation: 'g1',
          checkpoints: 'checkpoints',
          deadLetters: 'dead',
          ...config,
        }),
      ),
      kinesis: engine.kinesis,
      dynamodb,
      s3: bucketOf(engine.letters),
      now: () => engine.nowMillis,
      log: (line) => engine.lines.push(line),
    }),
    async stop() {
      dynamodb.destroy();
      await table.stop();
    },
  };
  return engine;
}

function newStage(now: () => number): { log: Log; kinesis: LogClient } {
  const log = createLog({ clock: { now }, seed: 1, limits: 'off', transitionMillis: 0 });
  return { log, kinesis: logClient(log) };
}

function bucketOf(letters: Map<string, DeadLetter>): Pick<S3Client, 'send'> {
  const send = async (command: unknown): Promise<object> => {
    if (!(command instanceof PutObjectCommand)) throw new Error('the bucket takes PutObject only');
    const { Key = '', Body } = command.input;
    const name = Key.slice(Key.lastIndexOf('/') + 1);
    const kind = parseLetterObject(name)?.kind;
    if (kind !== 'one' && kind !== 'many') throw new Error(`what is the object ${Key} among the dead letters?`);
    for (const letter of readLetterObject(kind, Buffer.from(Body as Uint8Array)))
      letters.set(`${Key.slice(0, -name.length)}${letter.at}.json`, letter);
    return {};
  };
  return { send: send as S3Client['send'] };
}

let requests = 0;

export function invocation(remainingMillis = 60_000): Invocation {
  return { awsRequestId: `request-${++requests}`, getRemainingTimeInMillis: () => remainingMillis };
}

/** What a mapping would deliver of a stream: an event for each shard that has records, parents before children. */
export function deliveries(log: Log, stream: string): KinesisStreamEvent[] {
  const { Shards = [] } = log.listShards({ StreamName: stream });
  return Shards.map(({ ShardId = '' }) => ({ Records: recordsOf(log, stream, ShardId) })).filter(
    ({ Records }) => Records.length > 0,
  );
}

function recordsOf(log: Log, stream: string, shardId: string): KinesisStreamEvent['Records'] {
  const records: KinesisStreamEvent['Records'] = [];
  const first = log.getShardIterator({ StreamName: stream, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' });
  for (let iterator = first.ShardIterator; iterator; ) {
    const page = log.getRecords({ ShardIterator: iterator });
    for (const { Data, SequenceNumber = '', PartitionKey = '', ApproximateArrivalTimestamp } of page.Records ?? []) {
      records.push({
        kinesis: {
          kinesisSchemaVersion: '1.0',
          partitionKey: PartitionKey,
          sequenceNumber: SequenceNumber,
          data: Buffer.from(Data ?? []).toString('base64'),
          approximateArrivalTimestamp: (ApproximateArrivalTimestamp?.getTime() ?? 0) / 1000,
        },
        eventSource: 'aws:kinesis',
        eventVersion: '1.0',
        eventID: `${shardId}:${SequenceNumber}`,
        eventName: 'aws:kinesis:record',
        invokeIdentityArn: 'arn:aws:iam::000000000000:role/r',
        awsRegion: 'us-east-1',
        eventSourceARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`,
      });
    }
    iterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator;
  }
  return records;
}

/** All events of a stream as a reader would see them, duplicates included, shard by shard. */
export function eventsOf(
  log: Log,
  stream: string,
): { source: string; sequence: string; key: string; type: string; data: unknown }[] {
  return deliveries(log, stream).flatMap(({ Records }) =>
    Records.flatMap(({ kinesis }) => {
      const { entries } = decodeRecord(
        {
          sequenceNumber: kinesis.sequenceNumber,
          partitionKey: kinesis.partitionKey,
          data: Buffer.from(kinesis.data, 'base64'),
          approximateArrivalMillis: 0,
        },
        { name: stream },
      );
      return entries.map((entry) => {
        if ('rejection' in entry) throw new Error(entry.rejection.message);
        const { source, sequence = '', key, type, data } = entry.event;
        return { source, sequence, key, type, data };
      });
    }),
  );
}

/** Defines a sink without options and resources, which a test opens as it likes. */
export function plainSink(open: () => OpenSink) {
  return defineSink({
    options: z.object({}),
    resources: z.object({}),
    into: (options) => options,
    doubles: () => true,
    open,
  });
}
