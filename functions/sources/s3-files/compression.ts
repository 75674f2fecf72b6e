import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { EventRejected } from '../../runtime/errors.ts';
import { cutAtFrames } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd';

/**
 * Recognizes how content is compressed by its first bytes; neither CSV nor JSON in UTF-8 can begin like that. Throws
 * `EventRejected` when the name has an ending that contradicts the bytes; it needs no ending.
 */
export function compressionOf(head: Buffer, name: string): Compression | undefined {
  const found = MAGIC.find(({ magic }) => head.subarray(0, magic.length).equals(magic))?.compression;
  const named = ENDINGS.find(({ ending }) => ending.test(name))?.compression;
  if (named !== undefined && named !== found)
    throw new EventRejected(
      'undecodable',
      `the name ends as that of a ${named} file, but the content is ${found ?? 'not compressed'}: rename the file`,
    );
  return found;
}

export const MAGIC_BYTES = 4;

const MAGIC = [
  { compression: 'gzip', magic: Buffer.from([0x1f, 0x8b]) },
  { compression: 'zstd', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
] as const;

const ENDINGS = [
  { compression: 'gzip', ending: /\.gz(ip)?$/i },
  { compression: 'zstd', ending: /\.zstd?$/i },
] as const;

/**
 * Decompresses content. Several gzip members or zstd frames in a row are one content. Only a few chunks are in memory,
 * so a decompression bomb takes time but no memory; zstd also needs its window, 128 MiB at most.
 *
 * Throws `EventRejected` where the decompressor notices damage, after it has yielded everything before. That may be
 * long after the damage: gzip has one checksum at the end of a member, zstd at most one at the end of a frame.
 */
export async function* decompressed(chunks: AsyncIterable<Buffer>, compression: Compression): AsyncGenerator<Buffer> {
  const [input, output] =
    compression === 'gzip'
      ? [chunks, createGunzip({ chunkSize: CHUNK_BYTES })]
      : [cutAtFrames(chunks), createZstdDecompress({ chunkSize: CHUNK_BYTES })];
  // The iteration below throws the pipeline's errors.
  pipeline(Readable.from(input), output, () => {});
  try {
    yield* output;
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    const { message } = error as Error;
    throw new EventRejected(
      'undecodable',
      `the ${compression} content is damaged (${message}): upload the file again; the rows before the damage were read, but check them, because damage is noticed late`,
    );
  }
}

const CHUNK_BYTES = 64 * 1024;

/**
 * Tells damaged content, by the error's code, from a broken connection and from a lack of memory: those are retried.
 */
function isCorrupt(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && /^(Z_DATA_ERROR|Z_BUF_ERROR|Z_NEED_DICT|ZSTD_error_(?!memory))/.test(code);
}
