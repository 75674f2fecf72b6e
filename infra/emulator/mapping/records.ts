import type { _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import { parseStreamArn } from './arns.ts';

/** A synchronous invocation's payload is 6 MB at most, and records travel in base64. */
export const maxPayloadBytes = 6 * 1024 * 1024;

/** A record as an invocation carries it. It is encoded once, however often it is delivered. */
export interface BatchRecord {
  readonly sequenceNumber: string;
  readonly arrivalMillis: number;
  readonly readMillis: number;
  readonly json: string;
  readonly bytes: number;
}

/** Encodes the records of one shard. */
export function recordEncoder(streamArn: string, shardId: string) {
  const stream = parseStreamArn(streamArn);
  const origin =
    `"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:${stream?.partition}:iam::${stream?.accountId}:role/lambda-role"` +
    `,"awsRegion":"${stream?.region}","eventSourceARN":"${streamArn}"}`;
  return (record: KinesisRecord, readMillis: number): BatchRecord => {
    const { Data = new Uint8Array(), PartitionKey = '', SequenceNumber: sequenceNumber = '' } = record;
    const arrivalMillis = record.ApproximateArrivalTimestamp?.getTime() ?? readMillis;
    const data = Buffer.from(Data.buffer, Data.byteOffset, Data.byteLength).toString('base64');
    const json =
      `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":${JSON.stringify(PartitionKey)},"sequenceNumber":"${sequenceNumber}"` +
      `,"data":"${data}","approximateArrivalTimestamp":${arrivalMillis / 1_000}},"eventSource":"aws:kinesis","eventVersion":"1.0"` +
      `,"eventID":"${shardId}:${sequenceNumber}",${origin}`;
    return { sequenceNumber, arrivalMillis, readMillis, json, bytes: Buffer.byteLength(json) };
  };
}

const head = '{"Records":[';
const tail = ']}';

/** The event a function gets. */
export function invocationPayload(records: readonly BatchRecord[]): string {
  return head + records.map(({ json }) => json).join(',') + tail;
}

export function payloadBytes(records: readonly BatchRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes + 1, head.length + tail.length - 1);
}

/** How many of the first records one invocation can carry: one at least, even if none can carry it. */
export function countThatFits(records: readonly BatchRecord[], most: number): number {
  let total = head.length + tail.length - 1;
  let count = 0;
  for (const { bytes } of records) {
    total += bytes + 1;
    if (count === most || (count > 0 && total > maxPayloadBytes)) break;
    count++;
  }
  return count;
}
