import type { LogRecord } from '../record-codec/record.ts';
import type { ReadPage } from './log-reader.ts';

/**
 * The limits of a mapping's batch: records, and bytes of data (6 MB of payload, with room). Batches that a step reads
 * itself have the same limits. So all records of a shard that were in flight at any time lie within one batch.
 */
export const MOST_RECORDS = 10_000;
export const MOST_BYTES = 6 * 1024 * 1024;

/**
 * The limits of a batch for files. Larger batches make fewer files. Decompressed, a batch may take ten times as much
 * memory.
 */
export const LARGE = { records: 100_000, bytes: 16 * 1024 * 1024 };

export interface RecordBatch {
  readonly records: readonly LogRecord[];
  /** Set on the last batch: the reason why it is the last. */
  readonly end?: ReadPage['end'];
}

/** Cuts pages into batches. All are full but the last, and only the last may have no records. */
export async function* recordBatchesOf(
  pages: AsyncIterable<ReadPage>,
  most = { records: MOST_RECORDS, bytes: MOST_BYTES },
): AsyncGenerator<RecordBatch, void, undefined> {
  let records: LogRecord[] = [];
  let bytes = 0;
  for await (const page of pages) {
    for (const record of page.records) {
      records.push(record);
      bytes += record.data.length;
      if (records.length < most.records && bytes < most.bytes) continue;
      yield { records };
      [records, bytes] = [[], 0];
    }
    if (page.end !== undefined) return yield { records, end: page.end };
  }
}
