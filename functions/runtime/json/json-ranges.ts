import { BACKSLASH, CLOSE_BRACE, CLOSE_BRACKET, COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE, SPACE } from './json-bytes.ts';

/**
 * A part of a JSON text. It can be passed on as it came: numbers keep their digits, texts their escapes. The functions
 * here expect text that JSON.parse has accepted, and check nothing.
 */
export interface JsonRange {
  readonly start: number;
  /** The offset just after the last byte. */
  readonly end: number;
}

/** Returns the ranges of an array's elements, in order. */
export function elementRanges(array: Uint8Array): readonly JsonRange[] {
  const ranges: JsonRange[] = [];
  let at = skipSpace(array, skipSpace(array, 0) + 1);
  while (array[at] !== CLOSE_BRACKET) {
    const range = { start: at, end: endOfValue(array, at) };
    ranges.push(range);
    at = afterComma(array, range.end);
  }
  return ranges;
}

/** Returns the ranges of an object's values, by name. The last of equal names counts, as in JSON.parse. */
export function memberRanges(object: Uint8Array): ReadonlyMap<string, JsonRange> {
  const ranges = new Map<string, JsonRange>();
  let at = skipSpace(object, skipSpace(object, 0) + 1);
  while (object[at] !== CLOSE_BRACE) {
    const endOfName = endOfString(object, at);
    const name = JSON.parse(textOf(object, { start: at, end: endOfName })) as string;
    const start = skipSpace(object, skipSpace(object, endOfName) + 1);
    const range = { start, end: endOfValue(object, start) };
    ranges.set(name, range);
    at = afterComma(object, range.end);
  }
  return ranges;
}

export function textOf(bytes: Uint8Array, { start, end }: JsonRange): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

function endOfValue(bytes: Uint8Array, start: number): number {
  const first = bytes[start];
  if (first === QUOTE) return endOfString(bytes, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return endOfNested(bytes, start);
  let at = start;
  while (at < bytes.length && !endsScalar(bytes[at] as number)) at++;
  return at;
}

/**
 * Returns the end of an array or object. Counts brackets instead of recursing, because the sender decides the depth.
 */
export function endOfNested(bytes: Uint8Array, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
    at++;
  } while (depth > 0);
  return at;
}

/** Returns the end of a string, from its opening quote. */
export function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** Skips white space. Between values, only white space is at or below the byte of the space. */
export function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && (bytes[at] as number) <= SPACE) at++;
  return at;
}

function afterComma(bytes: Uint8Array, end: number): number {
  const at = skipSpace(bytes, end);
  return bytes[at] === COMMA ? skipSpace(bytes, at + 1) : at;
}

function endsScalar(byte: number): boolean {
  return byte <= SPACE || byte === COMMA || byte === CLOSE_BRACKET || byte === CLOSE_BRACE;
}
