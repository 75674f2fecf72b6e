import { finished } from 'node:stream/promises';
import { constants, createZstdCompress, zstdDecompressSync } from 'node:zlib';

/** Makes one file of the contents of several with the same ending, in their order. */
export type Merge = (contents: readonly Buffer[], ending: string, signal: AbortSignal) => Promise<Buffer>;

/**
 * Joins files of NDJSON. What gzip has compressed apart may stand one after the other in one file (RFC 1952, 2.2), so
 * it is not compressed again.
 */
export const mergeNdjson: Merge = async (contents, ending, signal) => {
  if (ending === '.parquet')
    throw new Error(
      "there are files of Parquet to merge, and this function writes NDJSON: deploy format: 'parquet' again",
    );
  return ending === '.ndjson.zst' ? oneFrame(contents, signal) : Buffer.concat(contents);
};

/** Compresses lines again, as one frame of zstd. Some readers, such as Node's, read the first frame of a file only. */
async function oneFrame(contents: readonly Buffer[], signal: AbortSignal): Promise<Buffer> {
  const compressor = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const chunks: Buffer[] = [];
  compressor.on('data', (chunk: Buffer) => chunks.push(chunk));
  const done = finished(compressor);
  // Awaited below, unless a write throws first; that error has the same cause.
  done.catch(() => undefined);
  try {
    for (const content of contents) {
      signal.throwIfAborted();
      const lines = zstdDecompressSync(content);
      await new Promise<void>((resolve, reject) => {
        compressor.write(lines, (error) => (error ? reject(error) : resolve()));
      });
    }
    compressor.end();
    await done;
  } finally {
    compressor.destroy();
  }
  return Buffer.concat(chunks);
}
