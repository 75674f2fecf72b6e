import { finished } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { LINE_FEED } from '../../runtime/json/json-bytes.ts';
import type { PlannedFile } from './files.ts';
import { lineOf } from './lines.ts';
import type { S3Options } from './options.ts';

/** What is in a file's object. The same events give the same bytes, however they were read. */
export async function fileBytes(
  file: PlannedFile,
  { lines, compression }: Pick<S3Options, 'lines' | 'compression'>,
  signal: AbortSignal,
): Promise<Buffer> {
  if (compression === 'none') {
    const [bytes = Buffer.alloc(0)] = blocksOf(file, lines, file.bytes);
    return bytes;
  }
  const compressed = await compress(file, { lines, compression }, signal);
  // Zlib says in a gzip header which system it was built for; 255 is "unknown" (RFC 1952). Its time is 0 as it is.
  if (compression === 'gzip') compressed[GZIP_SYSTEM] = 255;
  return compressed;
}

const GZIP_SYSTEM = 9;

/** Compressors are fed blocks of one size, because what they make may depend on how their input was cut. */
const BLOCK_BYTES = 256 * 1024;

async function compress(
  file: PlannedFile,
  { lines, compression }: { lines: S3Options['lines']; compression: 'gzip' | 'zstd' },
  signal: AbortSignal,
): Promise<Buffer> {
  const compressor = compression === 'gzip' ? createGzip() : zstd(file.bytes);
  const chunks: Buffer[] = [];
  compressor.on('data', (chunk: Buffer) => chunks.push(chunk));
  const done = finished(compressor);
  // It is awaited below, unless a write throws before that, and then for the same reason.
  done.catch(() => undefined);
  try {
    for (const block of blocksOf(file, lines, Math.min(BLOCK_BYTES, file.bytes))) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        compressor.write(block, (error) => (error ? reject(error) : resolve()));
      });
    }
    compressor.end();
    await done;
  } finally {
    compressor.destroy();
  }
  return Buffer.concat(chunks);
}

/** It is told the size, which readers then find in the frame, and takes no more memory than that needs. */
function zstd(bytes: number) {
  return createZstdCompress({ pledgedSrcSize: bytes, params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}

/** The lines in blocks of `size`, the last one shorter. A block is overwritten by the next one. */
function* blocksOf({ events }: PlannedFile, lines: S3Options['lines'], size: number): Generator<Buffer> {
  const block = Buffer.allocUnsafe(size);
  let filled = 0;
  for (const event of events) {
    const line = lineOf(event, lines);
    for (let at = 0; at <= line.length; ) {
      const room = Math.min(size - filled, line.length - at);
      block.set(line.subarray(at, at + room), filled);
      at += room;
      filled += room;
      if (at === line.length && filled < size) {
        block[filled++] = LINE_FEED;
        at++;
      }
      if (filled === size) {
        yield block;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
