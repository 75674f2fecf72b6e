import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';

/**
 * The size of a page that an operator's command reads. All readers of a shard share 2 MB/s, and a page of 10 MiB would
 * keep the others waiting for five seconds.
 */
export const PAGE_BYTES = 1024 * 1024;
const MOST_PAGE_RECORDS = 500;

/** Chooses how many records the next page should have, assuming they are as large as those of the last page. */
export function pageLimitAfter(records: readonly LogRecord[], limit: number): number {
  const bytes = bytesOf(records);
  if (bytes === 0) return limit;
  return Math.min(MOST_PAGE_RECORDS, Math.max(1, Math.floor((PAGE_BYTES * records.length) / bytes)));
}

export function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, { data }) => sum + data.length, 0);
}
