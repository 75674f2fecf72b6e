import { gunzipSync } from 'node:zlib';

/**
 * Inflates every member of gzip. Zero bytes behind a member are padding, as for gzip(1): zlib alone stops at them and
 * silently drops the members behind. Throws zlib's errors, and one with the code `ERR_BUFFER_TOO_LARGE` when the
 * members inflate to more than `maxBytes`.
 */
export function gunzip(bytes: Buffer, maxBytes: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  let rest = bytes;
  do {
    if (parts.length === MAX_PADDINGS) throw coded('Z_DATA_ERROR', `padding in more than ${MAX_PADDINGS} places`);
    const { buffer, engine } = gunzipSync(rest, {
      info: true,
      maxOutputLength: Math.max(maxBytes - length, 1),
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    parts.push(buffer);
    length += buffer.length;
    if (length > maxBytes) throw coded('ERR_BUFFER_TOO_LARGE', `inflates to more than ${maxBytes} bytes`);
    rest = withoutPadding(rest.subarray(engine.bytesWritten));
  } while (rest.length > 0);
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** Each padding takes a call of its own. A megabyte of the smallest members would keep the step busy for seconds. */
const MAX_PADDINGS = 1024;

/** Returns the bytes behind leading zeros. */
export function withoutPadding(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(first === -1 ? bytes.length : first);
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
