import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { EventRejected } from '../../runtime/errors.ts';
import { cutAtFrames } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd';

/**
 * How content is compressed, by its first bytes: neither CSV nor JSON in UTF-8 can begin like that. The name's ending
 * may be missing, but must not contradict them. Throws `EventRejected` when it does.
 */
export function compressionOf(head: Buffer, name: string): Compression | undefined {
  const found = MAGIC.find(({ magic }) => head.subarray(0, magic.length).equals(magic))?.compression;
  const named = ENDINGS.find(({ ending }) => ending.test(name))?.compression;
  if (named !== undefined && named !== found)
    throw new EventRejected(
      'undecodable',
      `the name ends as ${named} does, but the content is ${found ?? 'not compressed'}`,
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
 * Several gzip members or zstd frames in a row are one content. Holds a few chunks, so a decompression bomb is only
 * long; zstd needs its window besides, 128 MiB at the most.
 *
 * Throws `EventRejected` where the content is found to be broken, after all that came before. That may be long after
 * the damage: gzip has one checksum, at the end of a member, and zstd one, if any, at the end of a frame.
 */
export async function* decompressed(chunks: AsyncIterable<Buffer>, compression: Compression): AsyncGenerator<Buffer> {
  const [input, output] =
    compression === 'gzip'
      ? [chunks, createGunzip({ chunkSize: CHUNK_BYTES })]
      : [cutAtFrames(chunks), createZstdDecompress({ chunkSize: CHUNK_BYTES })];
  // What goes wrong on the way comes out of the iteration below.
  pipeline(Readable.from(input), output, () => {});
  try {
    yield* output;
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    const { message } = error as Error;
    throw new EventRejected(
      'undecodable',
      `the ${compression} content is broken (${message}): the rows before were read, but check them, for damage is noticed late`,
    );
  }
}

const CHUNK_BYTES = 64 * 1024;

/** By code: a connection that broke under the decompression is the world's fault, and so is a lack of memory. */
function isCorrupt(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && /^(Z_DATA_ERROR|Z_BUF_ERROR|Z_NEED_DICT|ZSTD_error_(?!memory))/.test(code);
}
