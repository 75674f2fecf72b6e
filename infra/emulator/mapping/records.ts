import type { _Record as KinesisRecord } from '@aws-sdk/client-kinesis';
import { parseStreamArn } from './arns.ts';

/** The limit of a synchronous invocation's payload, in which data is base64. */
export const maxPayloadBytes = 6 * 1024 * 1024;

/** A record as an invocation carries it. `json` is made once, however often the record is delivered. */
export interface BatchRecord {
  readonly sequenceNumber: string;
  readonly arrivalMillis: number;
  readonly readMillis: number;
  readonly json: string;
  readonly bytes: number;
}

/** Makes a function that encodes the records of one shard. */
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

/** Builds the event that the function gets. */
export function invocationPayload(records: readonly BatchRecord[]): string {
  return head + records.map(({ json }) => json).join(',') + tail;
}

export function payloadBytes(records: readonly BatchRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes + 1, head.length + tail.length - 1);
}

/** Counts how many of the first records fit into one invocation: 1 at least, even if that record is too large. */
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
