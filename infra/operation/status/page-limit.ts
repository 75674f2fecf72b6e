import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';

/**
 * Others read the shard, too, and all together get 2 MB/s: who reads 10 MiB at once keeps them off for five seconds. A
 * page of who only looks is of about this size.
 */
export const PAGE_BYTES = 1024 * 1024;
const MOST_PAGE_RECORDS = 500;

/** How many records the next page is asked for: they are thought to be as large as those of the last one. */
export function pageLimitAfter(records: readonly LogRecord[], limit: number): number {
  const bytes = bytesOf(records);
  if (bytes === 0) return limit;
  return Math.min(MOST_PAGE_RECORDS, Math.max(1, Math.floor((PAGE_BYTES * records.length) / bytes)));
}

export function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, { data }) => sum + data.length, 0);
}
