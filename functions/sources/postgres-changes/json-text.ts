import type { Form } from '../../clients/postgres-types.ts';

/** Memory that JSON is written to. `at` is where the next byte goes. */
export interface JsonOut {
  bytes: Uint8Array;
  at: number;
  /** What is read: values as Postgres writes them. */
  from: Buffer;
  /** True when the row that was written last lacks values. */
  isPartial: boolean;
}

const SLAB_BYTES = 1024 * 1024;

export function emptyOut(): JsonOut {
  return { bytes: new Uint8Array(SLAB_BYTES), at: 0, from: Buffer.alloc(0), isPartial: false };
}

/**
 * Makes room for so many bytes. What was written before stays where it is: the events of a page share the memory.
 */
export function reserve(out: JsonOut, bytes: number): void {
  if (out.bytes.length - out.at >= bytes) return;
  out.bytes = new Uint8Array(Math.max(SLAB_BYTES, bytes));
  out.at = 0;
}

/** A byte of a text takes at most six bytes in JSON, `\u001f`. A list adds a few for each value. */
export const GROWTH = 6;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const OPEN_LIST = 0x7b;
const CLOSE_LIST = 0x7d;
const COMMA = 0x2c;
const HEX = Buffer.from('0123456789abcdef');

/** Writes the value of a column: bytes `start` to `end` of `out.from`, which Postgres wrote as text. */
export type AddValue = (out: JsonOut, start: number, end: number) => void;

/** Returns the function that writes values of a form. */
export function adderOf(form: Form): AddValue {
  if (typeof form === 'object') return listAdder(adderOf(form.listOf));
  switch (form) {
    case 'number':
      return addNumber;
    case 'boolean':
      return addBoolean;
    case 'json':
      return copy;
    case 'text':
      return addText;
    default:
      return addTimestamp;
  }
}

function addBoolean(out: JsonOut, start: number): void {
  addAscii(out, out.from[start] === 0x74 ? TRUE : FALSE);
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

export function addAscii(out: JsonOut, text: Uint8Array): void {
  const { bytes } = out;
  let { at } = out;
  for (let index = 0; index < text.length; index++) bytes[at++] = text[index] as number;
  out.at = at;
}

export function addNull(out: JsonOut): void {
  addAscii(out, NULL);
}

/** NaN and Infinity are no numbers in JSON: they become texts. */
function addNumber(out: JsonOut, start: number, end: number): void {
  const { from } = out;
  const first = (from[start] === 0x2d ? from[start + 1] : from[start]) as number;
  if (first >= 0x30 && first <= 0x39) copy(out, start, end);
  else addText(out, start, end);
}

/** For a few bytes a loop is quicker than a call of `set`. */
const SHORT_BYTES = 48;

function copy(out: JsonOut, start: number, end: number): void {
  const { bytes, from } = out;
  let { at } = out;
  if (end - start < SHORT_BYTES) for (let index = start; index < end; index++) bytes[at++] = from[index] as number;
  else {
    bytes.set(from.subarray(start, end), at);
    at += end - start;
  }
  out.at = at;
}

/** Writes a text in quotes. Bytes beyond ASCII are UTF-8 already, and stay as they are. */
function addText(out: JsonOut, start: number, end: number): void {
  const { bytes, from } = out;
  let { at } = out;
  bytes[at++] = QUOTE;
  for (let index = start; index < end; index++) {
    const byte = from[index] as number;
    if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) bytes[at++] = byte;
    else at = addEscaped(bytes, at, byte);
  }
  bytes[at++] = QUOTE;
  out.at = at;
}

/** The letters of `\b`, `\t`, `\n`, `\f` and `\r`, by what they stand for: JSON as Postgres itself writes it. */
const LETTERS = new Uint8Array(SPACE);
LETTERS.set([0x62, 0x74, 0x6e, 0, 0x66, 0x72], 8);

function addEscaped(bytes: Uint8Array, at: number, byte: number): number {
  bytes[at] = BACKSLASH;
  if (byte >= SPACE) {
    bytes[at + 1] = byte;
    return at + 2;
  }
  const letter = LETTERS[byte] as number;
  if (letter !== 0) {
    bytes[at + 1] = letter;
    return at + 2;
  }
  bytes[at + 1] = 0x75;
  bytes[at + 2] = 0x30;
  bytes[at + 3] = 0x30;
  bytes[at + 4] = HEX[byte >> 4] as number;
  bytes[at + 5] = HEX[byte & 15] as number;
  return at + 6;
}

const SHORTEST_TIMESTAMP = '2026-01-01 00:00:00'.length;

/**
 * Writes `2026-01-01 00:00:00.5+00` as RFC 3339 has it. What RFC 3339 has no way to say, such as `infinity` and years
 * before Christ, stays as Postgres writes it.
 */
function addTimestamp(out: JsonOut, start: number, end: number): void {
  const { bytes, from } = out;
  const last = from[end - 1] as number;
  if (end - start < SHORTEST_TIMESTAMP || from[start + 10] !== SPACE || last > 0x39) {
    addText(out, start, end);
    return;
  }
  // `+00`: the connection's time zone is UTC.
  const hasZone = from[end - 3] === 0x2b;
  bytes[out.at++] = QUOTE;
  copy(out, start, start + 10);
  bytes[out.at++] = 0x54;
  copy(out, start + 11, hasZone ? end - 3 : end);
  if (hasZone) bytes[out.at++] = 0x5a;
  bytes[out.at++] = QUOTE;
}

/**
 * Returns a function that writes a list, `{1,NULL,"a b"}`, as JSON. A list whose numbers do not begin with 1,
 * `[2:3]={…}`, becomes a text, which Postgres takes back as it is.
 */
function listAdder(addElement: AddValue): AddValue {
  return (out, start, end) => {
    if (out.from[start] !== OPEN_LIST) {
      addText(out, start, end);
      return;
    }
    const value: Buffer = Buffer.allocUnsafe(end - start);
    for (let at = start; at < end; ) {
      const bracket = BRACKETS[out.from[at] as number];
      if (bracket === undefined) at = addNext(out, at, { addElement, value });
      else {
        out.bytes[out.at++] = bracket;
        at++;
      }
    }
  };
}

/** What stands between the values of a list, and what JSON has there. */
const BRACKETS: Readonly<Record<number, number>> = { [OPEN_LIST]: 0x5b, [CLOSE_LIST]: 0x5d, [COMMA]: COMMA };

/** Writes one value of a list, and returns where it ends. */
function addNext(
  out: JsonOut,
  start: number,
  { addElement, value }: { readonly addElement: AddValue; readonly value: Buffer },
): number {
  const { from } = out;
  let length = 0;
  let at = start;
  const isQuoted = from[at] === QUOTE;
  if (isQuoted) at++;
  for (; ; at++) {
    const byte = from[at] as number;
    if (isQuoted ? byte === QUOTE : byte === COMMA || byte === CLOSE_LIST) break;
    value[length++] = byte === BACKSLASH ? (from[++at] as number) : byte;
  }
  if (!isQuoted && value.toString('latin1', 0, length) === 'NULL') addNull(out);
  else {
    out.from = value;
    addElement(out, 0, length);
    out.from = from;
  }
  return isQuoted ? at + 1 : at;
}
