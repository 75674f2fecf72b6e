import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { fileBytes } from '../../../../functions/sinks/s3/file-bytes.ts';
import { type PlannedFile, planFiles } from '../../../../functions/sinks/s3/files.ts';
import { s3Definition } from '../../../../functions/sinks/s3/s3.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';

const BLOCK = 256 * 1024;
const options = s3Definition.options.parse({ prefix: 'events', lines: 'data' });
const signal = new AbortController().signal;

/** A file whose lines have these lengths, their ends not counted. */
async function fileOf(lengths: readonly number[]): Promise<{ file: PlannedFile; content: string }> {
  const texts = lengths.map((length, index) => `"${'abc'.charAt(index % 3).repeat(length - 2)}"`);
  const events = logOf(texts.map((json) => ({ data: undefined, json })));
  const { files } = await planFiles(sliceOf({ events }), options);
  const [file] = files;
  if (file === undefined || files.length > 1) throw new Error(`one file was expected, not ${files.length}`);
  return { file, content: texts.map((text) => `${text}\n`).join('') };
}

describe.each([
  ['gzip', gunzipSync],
  ['zstd', zstdDecompressSync],
  ['none', (bytes: Buffer) => bytes],
] as const)('a file (%s)', (compression, decompress) => {
  test.each([
    ['one short line', [2]],
    ['a line that fills a block but for its end', [BLOCK]],
    ['a line that fills a block with its end', [BLOCK - 1]],
    ['a line that leaves a byte of a block', [BLOCK - 2]],
    ['a line one byte longer than a block', [BLOCK + 1]],
    ['two lines, the first of which fills a block but for its end', [BLOCK, 2]],
    ['two lines, the first of which fills a block with its end', [BLOCK - 1, BLOCK - 1]],
    ['a line that begins where a block has one byte left', [BLOCK - 2, 7]],
    ['a line of several blocks after a short one', [5, 3 * BLOCK + 5, 5]],
    ['blocks filled by many lines', Array.from({ length: 5000 }, (_, index) => 100 + (index % 77))],
  ])('of %s holds exactly these lines', async (_, lengths) => {
    const { file, content } = await fileOf(lengths);
    const bytes = await fileBytes(file, { compression }, signal);
    expect(decompress(bytes).toString() === content).toBe(true);
    expect(file.bytes).toBe(content.length);
  });
});

test.each(['gzip', 'zstd'] as const)('compressing with %s ends when the signal aborts', async (compression) => {
  const { file } = await fileOf([BLOCK, BLOCK, BLOCK]);
  const ending = new AbortController();
  const compressing = fileBytes(file, { compression }, ending.signal);
  ending.abort(new Error('the invocation ends'));
  await expect(compressing).rejects.toThrow('the invocation ends');
});

test('a zstd frame states the length of its content', async () => {
  const { file } = await fileOf([1000, 1000]);
  const bytes = await fileBytes(file, { compression: 'zstd' }, signal);
  // RFC 8878, 3.1.1.1: the two high bits of the descriptor are the width of the size; 1 is two bytes, of what is beyond
  // 256.
  expect(bytes[4] as number).toBe(0b01100100);
  expect(bytes.readUInt16LE(5) + 256).toBe(2002);
});
