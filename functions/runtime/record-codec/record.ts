/** A Kinesis record, however it was read. */
export interface LogRecord {
  /** Decimal. */
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  readonly approximateArrivalMillis: number;
}

/** The bytes of what should be one event, [start, end) of a buffer, and the key it was put with. */
export interface EventBytes {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly partitionKey: string;
}
