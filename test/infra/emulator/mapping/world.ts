import {
  CreateStreamCommand,
  GetRecordsCommand,
  type KinesisClient,
  MergeShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import type { KinesisStreamEvent } from 'aws-lambda';
import { virtualClock } from '../../../../infra/emulator/clock.ts';
import type { InvokeRequest, InvokeResult } from '../../../../infra/emulator/invoke.ts';
import { logClient } from '../../../../infra/emulator/log/client.ts';
import { createLog } from '../../../../infra/emulator/log/log.ts';
import type { MappingRequest } from '../../../../infra/emulator/mapping/configuration.ts';
import type { DestinationClients } from '../../../../infra/emulator/mapping/destinations.ts';
import { startMapping } from '../../../../infra/emulator/mapping/mapping.ts';
import { openMappingNames } from '../../../../infra/emulator/mapping/mapping-names.ts';
import type { Pace } from '../../../../infra/emulator/mapping/pace.ts';
import { type TraceEntry, traceLines } from '../../../../infra/emulator/trace.ts';
import { seededRandom } from './seeded-random.ts';

export const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/readings';
export const queueArn = 'arn:aws:sqs:us-east-1:000000000000:failed';
export const topicArn = 'arn:aws:sns:us-east-1:000000000000:failed';
export const bucketArn = 'arn:aws:s3:::failed';
export const startMillis = Date.UTC(2026, 0, 1);

/** An invocation as the function saw it. */
export interface Delivery {
  readonly shardId: string;
  readonly atMillis: number;
  readonly data: readonly string[];
  readonly sequenceNumbers: readonly string[];
  readonly attempt: number;
  readonly requestId: string;
  readonly payload: string;
}

export type Handler = (delivery: Delivery, number: number) => InvokeResult | Promise<InvokeResult>;

export const returns = (answer?: unknown): InvokeResult => ({
  outcome: 'returned',
  payload: answer === undefined ? '' : JSON.stringify(answer),
});
export const throws = (message = 'no'): InvokeResult => ({
  outcome: 'error',
  functionError: 'Unhandled',
  errorType: 'Error',
  message,
});
export const reports = (...sequenceNumbers: unknown[]): InvokeResult =>
  returns({ batchItemFailures: sequenceNumbers.map((itemIdentifier) => ({ itemIdentifier })) });
export const throttled: InvokeResult = { outcome: 'throttled' };
export const serviceError: InvokeResult = { outcome: 'service-error' };

/** A document that was sent to an on-failure destination. */
export interface Document {
  readonly to: string;
  readonly key?: string;
  readonly body: {
    requestContext: { requestId: string; functionArn: string; condition: string; approximateInvokeCount: number };
    responseContext?: { statusCode: number; executedVersion: string; functionError: string | null };
    version: string;
    timestamp: string;
    KinesisBatchInfo: {
      shardId: string;
      startSequenceNumber: string;
      endSequenceNumber: string;
      approximateArrivalOfFirstRecord: string;
      approximateArrivalOfLastRecord: string;
      batchSize: number;
      streamArn: string;
    };
    payload?: string;
  };
}

/** A stream on a virtual clock, and everything that happens to its records. */
export async function world({ shards = 1, seed = 1, limits = 'enforced' as 'enforced' | 'off' } = {}) {
  const clock = virtualClock({ startMillis });
  const log = logClient(createLog({ clock, seed, limits }));
  const names = openMappingNames();
  const random = seededRandom(seed);
  const deliveries: Delivery[] = [];
  const documents: Document[] = [];
  const trace: (TraceEntry & { readonly at: number })[] = [];
  const lines: string[] = [];
  const writeLine = traceLines({ clock, write: (line) => lines.push(line) });
  let fault: KinesisFault = () => undefined;
  const StreamName = 'readings';

  await log.send(new CreateStreamCommand({ StreamName, ShardCount: shards }));
  await clock.advance(1_000);

  const kinesis = {
    send: async (command: { readonly input: object }) => {
      const error = fault(command);
      if (error !== undefined) throw error;
      return await log.send(command as unknown as GetRecordsCommand);
    },
  } as Pick<KinesisClient, 'send'>;

  const destinations: DestinationClients = destinationsThat((document) => documents.push(document));

  return {
    clock,
    log,
    deliveries,
    documents,
    trace,
    lines,
    destinations,
    setFault(next: KinesisFault) {
      fault = next;
    },
    /** Writes each text as a record; `hashKey` chooses the shard. Resolves to the sequence numbers. */
    async put(texts: readonly string[], hashKey = '0'): Promise<string[]> {
      const Records = texts.map((text) => ({ Data: Buffer.from(text), PartitionKey: 'key', ExplicitHashKey: hashKey }));
      const answer = await log.send(new PutRecordsCommand({ StreamName, Records }));
      if (answer.FailedRecordCount) throw new Error(`the stream refused records: ${JSON.stringify(answer.Records)}`);
      return (answer.Records ?? []).map(({ SequenceNumber = '' }) => SequenceNumber);
    },
    async split(ShardToSplit: string, NewStartingHashKey: string) {
      await log.send(new SplitShardCommand({ StreamName, ShardToSplit, NewStartingHashKey }));
      await clock.advance(200);
    },
    async merge(ShardToMerge: string, AdjacentShardToMerge: string) {
      await log.send(new MergeShardsCommand({ StreamName, ShardToMerge, AdjacentShardToMerge }));
      await clock.advance(200);
    },
    start(configuration: Partial<MappingRequest>, handler: Handler = () => returns(), pace: Partial<Pace> = {}) {
      let number = 0;
      return startMapping({
        configuration: {
          FunctionName: 'load-readings',
          EventSourceArn: streamArn,
          StartingPosition: 'TRIM_HORIZON',
          ...configuration,
        },
        invoke: async (request) => {
          const delivery = deliveryOf(request, clock.now());
          deliveries.push(delivery);
          return await handler(delivery, ++number);
        },
        trace(entry) {
          trace.push({ ...entry, at: clock.now() });
          writeLine(entry);
        },
        kinesis,
        names,
        destinations,
        clock,
        pace,
        random,
      });
    },
    /** The data of each invocation. */
    batches: () => deliveries.map(({ data }) => data.join('')),
    did: <Did extends TraceEntry['did']>(did: Did) =>
      trace.filter((entry): entry is Extract<TraceEntry, { did: Did }> & { at: number } => entry.did === did),
  };
}

/** The error that Kinesis answers with. Undefined: it answers as usual. */
export type KinesisFault = (command: { readonly input: object }) => Error | undefined;

export function awsError(name: string): Error {
  return Object.assign(new Error(name), { name, $fault: 'server', $metadata: {} });
}

export const isGetRecords = (command: object): boolean => command instanceof GetRecordsCommand;

function deliveryOf({ payload, attempt, requestId }: InvokeRequest, atMillis: number): Delivery {
  const { Records } = JSON.parse(payload) as KinesisStreamEvent;
  return {
    shardId: Records[0]?.eventID.split(':')[0] ?? '',
    atMillis,
    data: Records.map(({ kinesis }) => Buffer.from(kinesis.data, 'base64').toString()),
    sequenceNumbers: Records.map(({ kinesis }) => kinesis.sequenceNumber),
    attempt,
    requestId,
    payload,
  };
}

/** Small fakes of the three services, which hand on each document that they are sent. */
function destinationsThat(accept: (document: Document) => void): DestinationClients {
  const client = (documentOf: (input: Record<string, string>) => Document | undefined) => ({
    send: async ({ input }: { readonly input: object }) => {
      const document = documentOf(input as Record<string, string>);
      if (document !== undefined) accept(document);
      return { QueueUrl: 'http://queue/failed' };
    },
  });
  const body = (json = '') => JSON.parse(json) as Document['body'];
  return {
    sqs: client(({ QueueUrl, MessageBody }) =>
      QueueUrl === undefined ? undefined : { to: QueueUrl, body: body(MessageBody) },
    ),
    sns: client(({ TopicArn = '', Message }) => ({ to: TopicArn, body: body(Message) })),
    s3: client(({ Bucket = '', Key = '', Body }) => ({ to: Bucket, key: Key, body: body(Body) })),
  } as DestinationClients;
}
