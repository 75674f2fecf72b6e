import { finished } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { LINE_FEED } from '../../runtime/json/json-bytes.ts';
import type { PlannedFile } from './files.ts';
import type { S3Options } from './options.ts';

/** Makes the content of a file. The same events give the same bytes, however they were read. */
export async function fileBytes(
  file: PlannedFile,
  { compression }: Pick<S3Options, 'compression'>,
  signal: AbortSignal,
): Promise<Buffer> {
  if (compression === 'none') {
    const [bytes = Buffer.alloc(0)] = blocksOf(file, file.bytes);
    return bytes;
  }
  const compressed = await compress(file, compression, signal);
  // Zlib writes the system it was built for into a gzip header; 255 is "unknown" (RFC 1952). Zlib leaves the time at 0.
  if (compression === 'gzip') compressed[GZIP_SYSTEM] = 255;
  return compressed;
}

const GZIP_SYSTEM = 9;

/** The size of every write to a compressor: its output may depend on how the input is divided. */
const BLOCK_BYTES = 256 * 1024;

async function compress(file: PlannedFile, compression: 'gzip' | 'zstd', signal: AbortSignal): Promise<Buffer> {
  const compressor = compression === 'gzip' ? createGzip() : zstd(file.bytes);
  const chunks: Buffer[] = [];
  compressor.on('data', (chunk: Buffer) => chunks.push(chunk));
  const done = finished(compressor);
  // Awaited below, unless a write throws first; that error has the same cause.
  done.catch(() => undefined);
  try {
    for (const block of blocksOf(file, Math.min(BLOCK_BYTES, file.bytes))) {
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

/**
 * Declares the size in advance: the frame then tells it to readers, and the compressor needs no more memory than that.
 */
function zstd(bytes: number) {
  return createZstdCompress({ pledgedSrcSize: bytes, params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}

/** Yields the lines in blocks of `size`; the last block is shorter. Each block overwrites the one before. */
function* blocksOf({ lines }: PlannedFile, size: number): Generator<Buffer> {
  const block = Buffer.allocUnsafe(size);
  let filled = 0;
  for (const line of lines) {
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
