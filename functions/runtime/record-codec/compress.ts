import { constants, gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EventRejected } from '../errors.ts';

/** zstd level 1: nearly free, and what slower levels save more is little on records of a megabyte. */
export function compress(bytes: Uint8Array): Buffer {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

/** Whether what begins here has the magic number of zstd or gzip. No JSON and no aggregate has. */
export function isCompressed(bytes: Buffer, offset: number): boolean {
  const first = bytes[offset];
  return (first === ZSTD_MAGIC[0] || first === GZIP_MAGIC[0]) && compressionAt(bytes, offset) !== undefined;
}

/**
 * Inflates all frames of what `isCompressed` accepts. Throws `EventRejected` when it is corrupt, cut off, or inflates
 * to more than `maxBytes`: that is found out by inflating, because the size in a header is only what its writer says.
 */
export function decompress(bytes: Buffer, maxBytes: number): Buffer {
  const compression = compressionAt(bytes, 0) ?? 'zstd';
  try {
    const result = compression === 'gzip' ? gunzip(bytes, maxBytes) : unzstd(bytes, maxBytes);
    if (result.length > maxBytes) throw tooLarge(maxBytes);
    return result;
  } catch (error) {
    throw refusalOf(error, compression, maxBytes);
  }
}

const ZSTD_MAGIC = Buffer.from('28b52ffd', 'hex');
const GZIP_MAGIC = Buffer.from('1f8b', 'hex');

function compressionAt(bytes: Buffer, offset: number): 'zstd' | 'gzip' | undefined {
  const begins = (magic: Buffer) => magic.every((byte, index) => bytes[offset + index] === byte);
  return begins(ZSTD_MAGIC) ? 'zstd' : begins(GZIP_MAGIC) ? 'gzip' : undefined;
}

/**
 * A window larger than this is memory that a header alone makes us reserve. 2^26 bytes: as much as a record may inflate
 * to.
 */
const MAX_WINDOW_LOG = 26;

/** Each frame is a call of its own: a megabyte of the smallest ones would keep the step busy for seconds. */
const MAX_FRAMES = 1024;

/** gunzip goes through concatenated members by itself. */
function gunzip(bytes: Buffer, maxBytes: number): Buffer {
  return gunzipSync(bytes, { maxOutputLength: Math.max(maxBytes, 1) });
}

/** zstdDecompressSync stops after one frame (Node 24), and only `info` tells how far it came. */
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

function refusalOf(error: unknown, compression: string, maxBytes: number): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxBytes);
  // Without a code of zlib's it is no verdict on the bytes.
  if (code === undefined || !/^(Z_|ZSTD_)/.test(code)) return error;
  return new EventRejected('undecodable', `${compression}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`);
}

function tooLarge(maxBytes: number): EventRejected {
  return new EventRejected('undecodable', `compressed: inflates to more than ${maxBytes} bytes`);
}
