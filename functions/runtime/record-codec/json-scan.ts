import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from '../json/json-bytes.ts';

/**
 * Finds where a JSON value ends, and checks on the way that it is JSON. This scanner accepts what JSON.parse accepts,
 * if it is well-formed UTF-8 and nested at most `MAX_DEPTH` deep. It builds nothing, so `data` costs one pass over its
 * bytes.
 *
 * Every function takes the offset to begin at. It returns the offset just after what it has read, or a failure: a
 * negative number that `failureText` explains. The functions may look past the end of an event into the bytes after it,
 * so a caller that scans a part of a buffer must check that the value ended inside. Only a number at the very end could
 * then be read differently, so a bare value is scanned in a buffer of its own.
 */

/**
 * The deepest nesting. JSON.stringify and Postgres run out of stack a few thousand levels deep, and real events are not
 * that deep.
 */
export const MAX_DEPTH = 1000;

const UNEXPECTED = 0;
const NOT_UTF8 = 1;
const TOO_DEEP = 2;

const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;

/** Skips a value, from its first byte. `depth` counts the objects and arrays around it. */
export function skipValue(bytes: Buffer, offset: number, depth: number): number {
  switch (bytes[offset]) {
    case QUOTE:
      return skipString(bytes, offset);
    case OPEN_BRACE:
      return skipObject(bytes, offset, depth + 1);
    case OPEN_BRACKET:
      return skipArray(bytes, offset, depth + 1);
    case 0x74:
      return skipWord(bytes, offset, 'true');
    case 0x66:
      return skipWord(bytes, offset, 'false');
    case 0x6e:
      return skipWord(bytes, offset, 'null');
    default:
      return skipNumber(bytes, offset);
  }
}

/** Skips a string, from its opening quote. */
export function skipString(bytes: Buffer, offset: number): number {
  let at = offset + 1;
  for (;;) {
    let byte = bytes[at];
    while (byte !== undefined && byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH)
      byte = bytes[++at];
    if (byte === QUOTE) return at + 1;
    at = skipSpecial(bytes, at);
    if (at < 0) return at;
  }
}

export function skipWhitespace(bytes: Buffer, offset: number): number {
  const byte = bytes[offset];
  return byte === undefined || byte > 0x20 ? offset : skipBlanks(bytes, offset);
}

/** Skips the colon after a key, to the first byte of the value. */
export function skipColon(bytes: Buffer, offset: number): number {
  const at = skipWhitespace(bytes, offset);
  return bytes[at] === COLON ? skipWhitespace(bytes, at + 1) : failure(at, UNEXPECTED);
}

/**
 * Says that JSON which JSON.parse has accepted is nested too deep for every reader; otherwise returns undefined. A
 * source asks before it appends.
 */
export function nestingFault(json: Uint8Array): string | undefined {
  // So many levels do not fit into fewer bytes.
  if (json.length <= 2 * MAX_DEPTH) return undefined;
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.length);
  const end = skipValue(bytes, skipWhitespace(bytes, 0), 0);
  return end < 0 ? failureText(end, bytes.length) : undefined;
}

/** Says, for people, what is wrong with JSON that begins at 0 and ends at `end`. */
export function failureText(result: number, end: number): string {
  const kind = ~result & 3;
  const offset = ~result >> 2;
  if (offset >= end) return end === 0 ? 'not JSON: it is empty' : `not JSON: it ends too early, after ${end} bytes`;
  if (kind === NOT_UTF8) return `not JSON: not UTF-8 at byte ${offset}`;
  if (kind === TOO_DEEP) return `JSON nested deeper than ${MAX_DEPTH} levels at byte ${offset}`;
  return `not JSON: unexpected byte ${offset}`;
}

export function unexpectedAt(offset: number): number {
  return failure(offset, UNEXPECTED);
}

/**
 * Encodes a failure, with integer operations only. A result that might be a fraction or -0 would make every offset a
 * floating-point number.
 */
function failure(offset: number, kind: number): number {
  return ~((offset << 2) | kind);
}

function skipObject(bytes: Buffer, offset: number, depth: number): number {
  if (depth > MAX_DEPTH) return failure(offset, TOO_DEEP);
  let at = skipWhitespace(bytes, offset + 1);
  if (bytes[at] === CLOSE_BRACE) return at + 1;
  for (;;) {
    if (bytes[at] !== QUOTE) return failure(at, UNEXPECTED);
    at = skipString(bytes, at);
    if (at < 0) return at;
    at = skipColon(bytes, at);
    if (at < 0) return at;
    at = skipValue(bytes, at, depth);
    if (at < 0) return at;
    at = skipWhitespace(bytes, at);
    const byte = bytes[at];
    if (byte === CLOSE_BRACE) return at + 1;
    if (byte !== COMMA) return failure(at, UNEXPECTED);
    at = skipWhitespace(bytes, at + 1);
  }
}

function skipArray(bytes: Buffer, offset: number, depth: number): number {
  if (depth > MAX_DEPTH) return failure(offset, TOO_DEEP);
  let at = skipWhitespace(bytes, offset + 1);
  if (bytes[at] === CLOSE_BRACKET) return at + 1;
  for (;;) {
    at = skipValue(bytes, at, depth);
    if (at < 0) return at;
    at = skipWhitespace(bytes, at);
    const byte = bytes[at];
    if (byte === CLOSE_BRACKET) return at + 1;
    if (byte !== COMMA) return failure(at, UNEXPECTED);
    at = skipWhitespace(bytes, at + 1);
  }
}

function skipBlanks(bytes: Buffer, offset: number): number {
  let at = offset;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

function skipWord(bytes: Buffer, offset: number, word: string): number {
  for (let index = 1; index < word.length; index++) {
    if (bytes[offset + index] !== word.charCodeAt(index)) return failure(offset + index, UNEXPECTED);
  }
  return offset + word.length;
}

function skipNumber(bytes: Buffer, offset: number): number {
  const start = bytes[offset] === MINUS ? offset + 1 : offset;
  let at = bytes[start] === ZERO ? start + 1 : skipDigits(bytes, start);
  if (at >= 0 && bytes[at] === DOT) at = skipDigits(bytes, at + 1);
  if (at >= 0 && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
    const sign = bytes[at + 1];
    at = skipDigits(bytes, sign === 0x2b || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

/** Skips digits, at least one. */
function skipDigits(bytes: Buffer, offset: number): number {
  let at = offset;
  while (isDigit(bytes[at])) at++;
  return at === offset ? failure(at, UNEXPECTED) : at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

/** Skips what is not a plain ASCII character in a string. */
function skipSpecial(bytes: Buffer, offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined || byte < 0x20) return failure(offset, UNEXPECTED);
  return byte === BACKSLASH ? skipEscape(bytes, offset) : skipCharacter(bytes, offset);
}

function skipEscape(bytes: Buffer, offset: number): number {
  switch (bytes[offset + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return offset + 2;
    case 0x75:
      for (let at = offset + 2; at < offset + 6; at++) {
        if (!isHexDigit(bytes[at])) return failure(at, UNEXPECTED);
      }
      return offset + 6;
    default:
      return failure(offset + 1, UNEXPECTED);
  }
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

/** Skips a character of two bytes or more in UTF-8 (Unicode, table 3-7). */
function skipCharacter(bytes: Buffer, offset: number): number {
  const lead = bytes[offset] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return failure(offset, NOT_UTF8);
  for (let at = offset + 1; at < offset + length; at++) {
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return failure(offset, NOT_UTF8);
  }
  const second = bytes[offset + 1] ?? 0;
  // Longer than necessary, half of a surrogate pair, or above U+10FFFF.
  const isForbidden =
    (lead === 0xe0 && second < 0xa0) ||
    (lead === 0xed && second > 0x9f) ||
    (lead === 0xf0 && second < 0x90) ||
    (lead === 0xf4 && second > 0x8f);
  return isForbidden ? failure(offset, NOT_UTF8) : offset + length;
}
