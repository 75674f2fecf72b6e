import type { LogRecord } from '../record-codec/record.ts';
import type { ReadPage } from './log-reader.ts';

/**
 * The most that a mapping's batch has: records, and bytes of data (6 MB of payload, with room). What a step pulls
 * itself comes in portions of this size too, so whatever of a shard was in flight at a time, it was within one of them.
 */
export const MOST_RECORDS = 10_000;
export const MOST_BYTES = 6 * 1024 * 1024;

/** For files: the larger, the fewer. Decompressed it may be ten times as much, in memory. */
export const LARGE = { records: 100_000, bytes: 16 * 1024 * 1024 };

export interface Portion {
  readonly records: readonly LogRecord[];
  /** On the last one: why it is the last. */
  readonly end?: ReadPage['end'];
}

/** Deals pages out in portions that are full, but for the last. One without records comes at the end only. */
export async function* portionsOf(
  pages: AsyncIterable<ReadPage>,
  most = { records: MOST_RECORDS, bytes: MOST_BYTES },
): AsyncGenerator<Portion, void, undefined> {
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
