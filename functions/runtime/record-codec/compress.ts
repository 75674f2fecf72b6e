import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EventRejected } from '../errors.ts';
import { gunzip } from './gunzip.ts';

/**
 * Compresses with zstd at level 1. It costs nearly nothing, and slower levels save little more on records of a
 * megabyte.
 */
export function compress(bytes: Uint8Array): Buffer {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

/**
 * Returns true when the bytes at `offset` begin with the magic number of zstd or gzip. No JSON and no aggregate does.
 */
export function isCompressed(bytes: Buffer, offset: number): boolean {
  const first = bytes[offset];
  return (first === ZSTD_MAGIC[0] || first === GZIP_MAGIC[0]) && compressionAt(bytes, offset) !== undefined;
}

/**
 * Inflates all frames of bytes that `isCompressed` accepts. Throws `EventRejected` when they are corrupt, cut off, or
 * inflate to more than `maxBytes`. Only inflating shows that: the size in a header is merely a claim of its writer.
 */
export function decompress(bytes: Buffer, maxBytes: number): Buffer {
  const compression = compressionAt(bytes, 0) ?? 'zstd';
  try {
    const result = compression === 'gzip' ? gunzip(bytes, maxBytes) : unzstd(bytes, maxBytes);
    if (result.length > maxBytes) throw tooLarge(maxBytes);
    return result;
  } catch (error) {
    throw undecodable(error, compression, maxBytes);
  }
}

const ZSTD_MAGIC = Buffer.from('28b52ffd', 'hex');
const GZIP_MAGIC = Buffer.from('1f8b', 'hex');

function compressionAt(bytes: Buffer, offset: number): 'zstd' | 'gzip' | undefined {
  const begins = (magic: Buffer) => magic.every((byte, index) => bytes[offset + index] === byte);
  return begins(ZSTD_MAGIC) ? 'zstd' : begins(GZIP_MAGIC) ? 'gzip' : undefined;
}

/**
 * The largest window. A larger one would let a header alone reserve memory. 2^26 bytes are as much as a record may
 * inflate to.
 */
const MAX_WINDOW_LOG = 26;

/** Each frame takes a call of its own. A megabyte of the smallest frames would keep the step busy for seconds. */
const MAX_FRAMES = 1024;

/** Inflates zstd, frame by frame. zstdDecompressSync stops after one frame (Node 24), and only `info` shows where. */
function unzstd(bytes: Buffer, maxBytes: number): Buffer {
  const frames: Buffer[] = [];
  let length = 0;
  for (let at = 0; at < bytes.length && length <= maxBytes; ) {
    if (frames.length === MAX_FRAMES) throw new EventRejected('undecodable', `zstd: more than ${MAX_FRAMES} frames`);
    const { buffer, engine } = zstdDecompressSync(bytes.subarray(at), {
      info: true,
      maxOutputLength: Math.max(maxBytes - length, 1),
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    frames.push(buffer);
    length += buffer.length;
    at += engine.bytesWritten;
  }
  return frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
}

function undecodable(error: unknown, compression: string, maxBytes: number): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxBytes);
  // An error without a code of zlib says nothing about the bytes.
  if (code === undefined || !/^(Z_|ZSTD_)/.test(code)) return error;
  return new EventRejected('undecodable', `${compression}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`);
}

function tooLarge(maxBytes: number): EventRejected {
  return new EventRejected('undecodable', `compressed: inflates to more than ${maxBytes} bytes`);
}
