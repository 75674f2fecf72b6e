import type { KinesisStreamRecord } from 'aws-lambda';

/** A Kinesis record, from GetRecords or from a function's event. */
export interface LogRecord {
  /** In decimal. */
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  readonly approximateArrivalMillis: number;
}

/** Converts a record of a function's event. */
export function toLogRecord({ kinesis }: KinesisStreamRecord): LogRecord {
  return {
    sequenceNumber: kinesis.sequenceNumber,
    partitionKey: kinesis.partitionKey,
    data: Buffer.from(kinesis.data, 'base64'),
    approximateArrivalMillis: Math.round(kinesis.approximateArrivalTimestamp * 1000),
  };
}

/** The bytes that should be one event, [start, end) of a buffer, and the key that the event was put with. */
export interface EventBytes {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly partitionKey: string;
}
