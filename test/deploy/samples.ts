import { readFile } from 'node:fs/promises';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import type { KinesisStreamEvent } from 'aws-lambda';
import { readShard } from '../../functions/runtime/log/log-reader.ts';
import { describeStream } from '../../functions/runtime/log/shards.ts';
import { decodeRecord } from '../../functions/runtime/record-codec/decode.ts';
import { streamNameOf } from '../../infra/constructs/stream-names.ts';
import { ordersFile } from '../../infra/local/demo/data.ts';
import type { StreamPlan } from '../../infra/pipelines/streams.ts';
import type { Deployed } from './deployed.ts';

const SAMPLES = 30;

/** Data of events that came through a stream before, as JSON texts. */
export async function samplesOf(stream: StreamPlan, { clients, names }: Deployed): Promise<readonly string[]> {
  const { kinesis } = clients;
  const signal = AbortSignal.timeout(60_000);
  const name = streamNameOf(stream, names);
  const found: string[] = [];
  for (const { id: shardId } of (await describeStream(kinesis, name, signal)).shards) {
    for await (const { records } of readShard({ kinesis, stream: name, shardId, after: undefined, signal })) {
      for (const { entries } of records.map((record) => decodeRecord(record, { name }))) {
        for (const entry of entries) if ('event' in entry) found.push(Buffer.from(entry.event.dataBytes).toString());
      }
      if (found.length >= SAMPLES) return found.slice(0, SAMPLES);
    }
  }
  if (found.length === 0) throw new Error(`nothing has come through ${name} yet`);
  return found;
}

const KEY = 'sample';

/**
 * Puts records that no step has read yet, and one that is no event; resolves to what Lambda would invoke a function
 * with.
 */
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

/** A file of two orders' lines, the second of which is cut off. */
export async function sampleFile(): Promise<string> {
  const [header = '', first = '', second = ''] = (await readFile(ordersFile(), 'utf8')).split('\n');
  return [header, first, second.slice(0, 20), ''].join('\n');
}
