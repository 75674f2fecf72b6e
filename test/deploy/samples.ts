import { readFile } from 'node:fs/promises';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { KinesisStreamEvent } from 'aws-lambda';
import { streamNameOf } from '../../infra/constructs/stream-names.ts';
import { ordersFile } from '../../infra/local/demo/data.ts';
import type { StreamPlan } from '../../infra/pipelines/streams.ts';
import type { Deployed } from './deployed.ts';
import { eventsIn } from './stream-events.ts';

const SAMPLES = 30;

/** Reads the data of events that came through a stream before, as JSON texts. */
export async function samplesOf(stream: StreamPlan, deployed: Deployed): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { dataBytes } of eventsIn(stream, deployed)) {
    found.push(Buffer.from(dataBytes).toString());
    if (found.length >= SAMPLES) break;
  }
  if (found.length === 0) throw new Error(`stream ${streamNameOf(stream, deployed.names)} has no events yet`);
  return found;
}

const KEY = 'sample';

/** Puts new records, one of which is not an event. Resolves to the batch with which Lambda would invoke a function. */
export async function putSamples(
  stream: StreamPlan,
  samples: readonly string[],
  { clients, names }: Deployed,
): Promise<KinesisStreamEvent> {
  const StreamName = streamNameOf(stream, names);
  const texts = [...samples, '{"broken":'];
  const Records = texts.map((text) => ({ Data: Buffer.from(text), PartitionKey: KEY }));
  const { Records: put = [] } = await clients.kinesis.send(new PutRecordsCommand({ StreamName, Records }));
  return {
    Records: put.map(({ ShardId = '', SequenceNumber = '' }, index) => ({
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventName: 'aws:kinesis:record',
      awsRegion: 'us-east-1',
      eventID: `${ShardId}:${SequenceNumber}`,
      eventSourceARN: StreamName,
      invokeIdentityArn: '',
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: KEY,
        sequenceNumber: SequenceNumber,
        data: Buffer.from(texts[index] ?? '').toString('base64'),
        approximateArrivalTimestamp: Date.now() / 1_000,
      },
    })),
  };
}

/** Makes a file with two lines of orders, the second of which is cut off. */
export async function sampleFile(): Promise<string> {
  const [header = '', first = '', second = ''] = (await readFile(ordersFile(), 'utf8')).split('\n');
  return [header, first, second.slice(0, 20), ''].join('\n');
}
