import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { SqlError } from '../errors/sql-error.ts';

/** Returns the MD5 hash of a text. A bytea is a Uint8Array and exists only inside expressions: events carry text. */
export const md5Text = (text: string): string => createHash('md5').update(text).digest('hex');
export const md5Bytes = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const sha = (name: string, bytes: Uint8Array): Uint8Array => createHash(name).update(bytes).digest();
export const sha224 = (bytes: Uint8Array): Uint8Array => sha('sha224', bytes);
export const sha256 = (bytes: Uint8Array): Uint8Array => sha('sha256', bytes);
export const sha384 = (bytes: Uint8Array): Uint8Array => sha('sha384', bytes);
export const sha512 = (bytes: Uint8Array): Uint8Array => sha('sha512', bytes);
export const crc32OfBytes = (bytes: Uint8Array): bigint => BigInt(crc32(bytes));
export const bytesLength = (bytes: Uint8Array): number => bytes.length;
export const concatBytes = (a: Uint8Array, b: Uint8Array): Uint8Array => Buffer.concat([a, b]);
export const compareBytes = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
export const bytesText = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString('hex')}`;

/** Reads a bytea: `\x` and hexadecimal digits, or text with backslash escapes. */
export function bytesFromText(text: string): Uint8Array {
  return text.startsWith('\\x') ? fromHex(text.slice(2)) : fromEscape(text);
}

export function encode(bytes: Uint8Array, format: string): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (format.toLowerCase()) {
    case 'hex':
      return buffer.toString('hex');
    case 'base64':
      return buffer.toString('base64').replace(/(.{76})(?=.)/g, '$1\n');
    case 'escape':
      return toEscape(buffer);
    default:
      throw new SqlError('22023', `unrecognized encoding: "${format}"; use hex, base64 or escape`);
  }
}

export function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex':
      return fromHex(text);
    case 'base64':
      return fromBase64(text);
    case 'escape':
      return fromEscape(text);
    default:
      throw new SqlError('22023', `unrecognized encoding: "${format}"; use hex, base64 or escape`);
  }
}

function fromHex(text: string): Uint8Array {
  const digits = text.replace(/([0-9a-f]{2})|[ \t\n\r]+/gi, (_, pair: string | undefined) => pair ?? '');
  if (/[^0-9a-f]/i.test(digits)) throw new SqlError('22023', 'invalid hexadecimal digit');
  if (digits.length % 2 === 1) throw new SqlError('22023', 'invalid hexadecimal data: odd number of digits');
  return Buffer.from(digits, 'hex');
}

function fromBase64(text: string): Uint8Array {
  const symbols = text.replace(/[ \t\n\r]+/g, '');
  if (/[^A-Za-z0-9+/=]/.test(symbols)) throw new SqlError('22023', 'invalid symbol while decoding base64 sequence');
  if (symbols.length % 4 !== 0 || !/^[^=]*={0,2}$/.test(symbols))
    throw new SqlError('22023', 'invalid base64 end sequence');
  return Buffer.from(symbols, 'base64');
}

function toEscape(bytes: Uint8Array): string {
  let result = '';
  for (const byte of bytes) {
    if (byte === 0 || byte >= 0x80) result += `\\${byte.toString(8).padStart(3, '0')}`;
    else result += byte === 0x5c ? '\\\\' : String.fromCharCode(byte);
  }
  return result;
}

function fromEscape(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let rest = text;
  while (rest !== '') {
    const match = /^(?:\\([0-3][0-7]{2})|(\\\\)|([^\\]+))/.exec(rest);
    if (match === null) throw new SqlError('22P02', 'invalid input syntax for type bytea');
    if (match[1] !== undefined) parts.push(Uint8Array.of(Number.parseInt(match[1], 8)));
    else parts.push(Buffer.from(match[2] === undefined ? (match[3] ?? '') : '\\', 'utf8'));
    rest = rest.slice(match[0].length);
  }
  return Buffer.concat(parts);
}

/** Evaluates convert_to. UTF-8 is the only supported encoding, because events have no other. */
export function convertTo(text: string, encoding: string): Uint8Array {
  requireUtf8(encoding);
  return Buffer.from(text, 'utf8');
}

export function convertFrom(bytes: Uint8Array, encoding: string): string {
  requireUtf8(encoding);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8"');
  }
  if (text.includes('\0')) throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8": 0x00');
  return text;
}

function requireUtf8(encoding: string): void {
  if (!/^utf-?8$/i.test(encoding)) throw new SqlError('22023', `the encoding "${encoding}" is not supported: use UTF8`);
}
