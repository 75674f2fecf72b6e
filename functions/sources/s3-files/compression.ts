import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { EventRejected } from '../../runtime/errors.ts';
import { withoutPadding } from '../../runtime/record-codec/gunzip.ts';
import { cutAtFrames } from './zstd-frames.ts';

export type Compression = 'gzip' | 'zstd';

/**
 * Recognizes how content is compressed by its first bytes; neither CSV nor JSON in UTF-8 can begin like that. Throws
 * `EventRejected` when the name has an ending that contradicts the bytes; it needs no ending.
 */
export function compressionOf(head: Buffer, name: string): Compression | undefined {
  const found = compressionIn(head);
  const named = ENDINGS.find(({ ending }) => ending.test(name))?.compression;
  if (named !== undefined && named !== found)
    throw new EventRejected(
      'undecodable',
      `the name ends as that of a ${named} file, but the content is ${found ?? 'not compressed'}: rename the file`,
    );
  return found;
}

/** Recognizes how content is compressed by its first bytes alone. */
export function compressionIn(head: Buffer): Compression | undefined {
  return MAGIC.find(({ magic }) => head.subarray(0, magic.length).equals(magic))?.compression;
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
 * Decompresses content. Several gzip members or zstd frames in a row are one content, and zero bytes between gzip
 * members are padding, as for gzip(1). Only a few chunks are in memory, so a decompression bomb takes time but little
 * memory; zstd also needs its window, 128 MiB at most.
 *
 * Throws `EventRejected` where the decompressor notices damage, after it has yielded everything before. That may be
 * long after the damage: gzip has one checksum at the end of a member, zstd at most one at the end of a frame.
 */
export async function* decompressed(chunks: AsyncIterable<Buffer>, compression: Compression): AsyncGenerator<Buffer> {
  let length = 0;
  try {
    for await (const chunk of compression === 'gzip' ? gunzipped(chunks) : unzstd(chunks)) {
      length += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    const { message } = error as Error;
    throw new EventRejected(
      'undecodable',
      `the ${compression} content is damaged (${message}): upload the file again; the whole rows of the first ${length} decompressed bytes were read, and nothing behind them; check the last ones, because damage is noticed late`,
    );
  }
}

async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let decoder: Decoder | undefined;
  let isFirst = true;
  try {
    for await (const chunk of chunks) {
      for (let rest = chunk; rest.length > 0; ) {
        if (decoder === undefined && !isFirst) rest = withoutPadding(rest);
        if (rest.length === 0) break;
        decoder ??= openDecoder(createGunzip({ chunkSize: CHUNK_BYTES }));
        isFirst = false;
        const piece = rest.subarray(0, PIECE_BYTES);
        const taken: number = yield* decoder.write(piece);
        rest = rest.subarray(taken);
        // The decoder takes no padding.
        if (taken === piece.length) continue;
        decoder.close();
        decoder = undefined;
      }
    }
    if (decoder !== undefined) yield* decoder.end();
  } finally {
    decoder?.close();
  }
}

async function* unzstd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const decoder = openDecoder(createZstdDecompress({ chunkSize: CHUNK_BYTES }));
  try {
    for await (const frame of cutAtFrames(chunks)) {
      for (let at = 0; at < frame.length; at += PIECE_BYTES) yield* decoder.write(frame.subarray(at, at + PIECE_BYTES));
    }
    yield* decoder.end();
  } finally {
    decoder.close();
  }
}

interface Decoder {
  /** Yields what a piece inflates to, also when the piece is damaged further on. Returns how many bytes were taken. */
  write(piece: Buffer): AsyncGenerator<Buffer, number>;
  /** Throws when the content is cut off. */
  end(): AsyncGenerator<Buffer>;
  close(): void;
}

/**
 * Wraps a stream of zlib, which drops what it has inflated when it meets damage. Outputs are collected here for one
 * piece at a time; a piece is small, because it may inflate to a thousand times its length.
 */
function openDecoder(stream: Gunzip | ZstdDecompress): Decoder {
  let outputs: Buffer[] = [];
  let failed: ((error: Error) => void) | undefined;
  stream.on('data', (output: Buffer) => outputs.push(output));
  stream.on('error', (error) => failed?.(error));
  async function* outputsOf(step: (done: () => void) => void): AsyncGenerator<Buffer> {
    const error = await new Promise<Error | undefined>((resolve) => {
      failed = resolve;
      step(() => resolve(undefined));
    });
    const made = outputs;
    outputs = [];
    yield* made;
    if (error !== undefined) throw error;
  }
  return {
    async *write(piece) {
      const before = stream.bytesWritten;
      yield* outputsOf((done) => stream.write(piece, (error) => (error == null ? done() : undefined)));
      return stream.bytesWritten - before;
    },
    end: () => outputsOf((done) => stream.once('end', done).end()),
    close: () => stream.destroy(),
  };
}

const CHUNK_BYTES = 64 * 1024;
const PIECE_BYTES = 4 * 1024;

/**
 * Tells damaged content, by the error's code, from a broken connection and from a lack of memory: those are retried.
 */
function isCorrupt(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && /^(Z_DATA_ERROR|Z_BUF_ERROR|Z_NEED_DICT|ZSTD_error_(?!memory))/.test(code);
}
