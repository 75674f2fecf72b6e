import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decompressed } from '../../../../functions/sources/s3-files/compression.ts';
import { cutAtFrames } from '../../../../functions/sources/s3-files/zstd-frames.ts';

async function* chunksOf(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

const frameOf = (text: string, { checksum, level }: { checksum: boolean; level: number }) =>
  zstdCompressSync(text, {
    params: {
      [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0,
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_contentSizeFlag]: level % 2,
    },
  });
const skippable = (bytes: number) =>
  Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18, bytes, 0, 0, 0]), Buffer.alloc(bytes, 0x28)]);

const part = fc.oneof(
  fc.record({
    text: fc.oneof(
      fc.string(),
      fc.integer({ min: 0, max: 300_000 }).map((n) => 'ab'.repeat(n)),
      fc.integer({ min: 0, max: 200_000 }).map(noise),
    ),
    frame: fc.record({ checksum: fc.boolean(), level: fc.integer({ min: 1, max: 4 }) }),
  }),
  fc.integer({ min: 0, max: 200 }),
);

test('several frames in a row are one content, however they are cut into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 5_000 }),
      async (parts, size) => {
        const content = Buffer.concat(
          parts.map((each) => (typeof each === 'number' ? skippable(each) : frameOf(each.text, each.frame))),
        );
        for (const chunks of [chunksOf(content, size), chunksOf(content, content.length)]) {
          const text = Buffer.concat(await Array.fromAsync(decompressed(chunks, 'zstd'))).toString();
          expect(text === parts.map((each) => (typeof each === 'number' ? '' : each.text)).join('')).toBe(true);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('cuts at the ends of frames, and keeps every byte', async () => {
  const frames = [frameOf('a', { checksum: true, level: 1 }), skippable(3), frameOf('', { checksum: false, level: 1 })];
  expect(await Array.fromAsync(cutAtFrames(chunksOf(Buffer.concat(frames), 10_000)))).toEqual(frames);
});

test('bytes that are not a frame are rejected, not dropped', async () => {
  const content = Buffer.concat([frameOf('a', { checksum: false, level: 1 }), Buffer.from('id,n\n')]);
  await expect(Array.fromAsync(decompressed(chunksOf(content, 10_000), 'zstd'))).rejects.toThrow(
    /the zstd content is damaged/,
  );
});

/** Does not compress: such frames have raw blocks. */
function noise(length: number): string {
  let state = length + 1;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return String.fromCharCode(32 + ((state >>> 24) % 95));
  }).join('');
}
