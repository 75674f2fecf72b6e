import type { KinesisStreamRecord } from 'aws-lambda';

/** A Kinesis record, however it was read. */
export interface LogRecord {
  /** Decimal. */
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  readonly approximateArrivalMillis: number;
}

/** As a function's event has it. */
export function toLogRecord({ kinesis }: KinesisStreamRecord): LogRecord {
  return {
    sequenceNumber: kinesis.sequenceNumber,
    partitionKey: kinesis.partitionKey,
    data: Buffer.from(kinesis.data, 'base64'),
    approximateArrivalMillis: Math.round(kinesis.approximateArrivalTimestamp * 1000),
  };
}

/** The bytes of what should be one event, [start, end) of a buffer, and the key it was put with. */
export interface EventBytes {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly partitionKey: string;
}
