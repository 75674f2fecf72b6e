import { createRequire } from 'node:module';

/**
 * The functions of the npm package aws-kinesis-agg. It is CommonJS, and its types name modules that are not installed.
 */
export interface KplRecord {
  readonly partitionKey: string;
  readonly explicitHashKey?: string | undefined;
  readonly data: Buffer;
}

export interface KplUserRecord {
  readonly partitionKey: string;
  readonly explicitPartitionKey?: string;
  readonly subSequenceNumber: number;
  /** Base64. */
  readonly data: string;
}

interface RecordAggregator {
  addUserRecord(record: KplRecord): void;
  build(): { readonly data: Buffer };
}

const load = createRequire(import.meta.url);
const { RecordAggregator } = load('aws-kinesis-agg/lib/kpl-agg.js') as { RecordAggregator: new () => RecordAggregator };
const { deaggregateSync } = load('aws-kinesis-agg/lib/kpl-deagg.js') as {
  deaggregateSync(
    record: { readonly data: Buffer | string; readonly partitionKey: string; readonly sequenceNumber: string },
    computeChecksums: boolean,
    callback: (error: unknown, records: KplUserRecord[]) => void,
  ): void;
};

export function kplAggregate(records: readonly KplRecord[]): Buffer {
  const aggregator = new RecordAggregator();
  for (const record of records) aggregator.addUserRecord(record);
  return aggregator.build().data;
}

/** `data` is the record's bytes, or their base64, as Lambda passes them. */
export function kplDeaggregate(data: Buffer | string): readonly KplUserRecord[] {
  let found: readonly KplUserRecord[] = [];
  deaggregateSync({ data, partitionKey: 'k', sequenceNumber: '1' }, true, (error, records) => {
    if (error) throw error;
    found = records;
  });
  return found;
}
