import type { BatchRecord } from './records.ts';

/** The last invocation with records that are discarded, as the document describes it. */
export interface Invocation {
  readonly requestId: string;
  readonly statusCode: number;
  /** Null for a failure that the function reported. */
  readonly functionError: 'Unhandled' | null;
}

export interface Discarded {
  readonly shardId: string;
  readonly streamArn: string;
  readonly functionArn: string;
  readonly records: readonly BatchRecord[];
  readonly condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
  readonly invocation: Invocation;
  readonly invokeCount: number;
  readonly nowMillis: number;
}

/** Builds the document that an on-failure destination gets: it points to the discarded records, without their data. */
export function failureDocument({ condition, invocation, records, ...discarded }: Discarded) {
  const first = records[0];
  const last = records.at(-1);
  const { requestId, statusCode, functionError } = invocation;
  return {
    requestContext: {
      requestId,
      functionArn: discarded.functionArn,
      condition,
      approximateInvokeCount: discarded.invokeCount,
    },
    ...(condition === 'RecordAgeExceeded'
      ? {}
      : { responseContext: { statusCode, executedVersion: '$LATEST', functionError } }),
    version: '1.0',
    timestamp: new Date(discarded.nowMillis).toISOString(),
    KinesisBatchInfo: {
      shardId: discarded.shardId,
      startSequenceNumber: first?.sequenceNumber,
      endSequenceNumber: last?.sequenceNumber,
      approximateArrivalOfFirstRecord: new Date(first?.arrivalMillis ?? 0).toISOString(),
      approximateArrivalOfLastRecord: new Date(last?.arrivalMillis ?? 0).toISOString(),
      batchSize: records.length,
      streamArn: discarded.streamArn,
    },
  };
}

/** Names a document's object: `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>`. */
export function failureObjectKey(
  { shardId, nowMillis }: Discarded,
  { mapping, uuid }: { mapping: string; uuid: string },
): string {
  const now = new Date(nowMillis).toISOString();
  const day = now.slice(0, 10).replaceAll('-', '/');
  const second = now.slice(0, 19).replaceAll(':', '.');
  return `aws/lambda/${mapping}/${shardId}/${day}/${second}-${uuid}`;
}
