import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { lineOf } from '../../../../../functions/sinks/s3/lines.ts';
import { parquetColumnsOf } from '../../../../../functions/sinks/s3/parquet/columns.ts';
import { mergeFiles } from '../../../../../functions/sinks/s3/parquet/merge-files.ts';
import { parquetFiles } from '../../../../../functions/sinks/s3/parquet/parquet-file.ts';
import { logOf } from '../../../../contracts/slices.ts';
import { noDeadline } from '../../../../eventually.ts';
import { askParquet } from '../../../../kit/parquet.ts';

async function fileOf(schema: z.ZodType, ...rows: readonly object[]): Promise<Buffer> {
  const columns = parquetColumnsOf(schema, { by: 'day', lines: 'data' });
  const events = logOf(rows.map((data) => ({ data })));
  const lines = events.map((event) => lineOf(event, 'data'));
  const { body } = await parquetFiles(columns, 'data')({ key: 'file', events, lines, bytes: 0 }, noDeadline());
  return body;
}

describe('merged files', () => {
  test('of Parquet have all rows, in the order of the files, and all columns that one of them has', async () => {
    const before = z.object({ id: z.int32(), name: z.string() });
    const after = z.object({ id: z.int(), name: z.string(), at: z.iso.datetime() });
    const merged = await mergeFiles(
      [
        await fileOf(before, { id: 1, name: 'a' }, { id: 2, name: 'b' }),
        await fileOf(before),
        await fileOf(after, { id: 9_007_199_254_740_991, name: 'c', at: '2026-01-31T10:00:00Z' }),
      ],
      '.parquet',
      noDeadline(),
    );
    expect(await askParquet(new Map([['merged', merged]]))).toEqual([
      { id: '1', name: 'a', at: null },
      { id: '2', name: 'b', at: null },
      { id: '9007199254740991', name: 'c', at: '2026-01-31 10:00:00+00' },
    ]);
  });

  test.each([
    ['.ndjson.gz', gzipSync, gunzipSync],
    ['.ndjson.zst', zstdCompressSync, zstdDecompressSync],
    ['.ndjson', Buffer.from, (bytes: Buffer) => bytes],
  ] as const)('of %s have all lines, for readers of one frame too', async (ending, compress, decompress) => {
    const parts = ['{"n":1}\n', '{"n":2}\n{"n":3}\n'];
    const merged = await mergeFiles(
      parts.map((part) => Buffer.from(compress(Buffer.from(part)))),
      ending,
      noDeadline(),
    );
    expect(decompress(merged).toString()).toBe(parts.join(''));
  });
});
