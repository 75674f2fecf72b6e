import { expect, test } from 'vitest';
import { peakOfReading } from './peak-memory.ts';

/** `test/bench/s3-files-memory.ts` does the same with 1 GB, which takes too long here. */
test('a file ten times as long takes no more memory', async () => {
  const short = await peakOfReading(5, 'plain');
  const long = await peakOfReading(50, 'plain');
  expect([short.rows, long.rows]).toEqual([short.expectedRows, long.expectedRows]);
  expect(long.rejections).toBe(long.expectedRows / 100);
  expect(long.peakMiB - short.peakMiB).toBeLessThanOrEqual(64);
});
