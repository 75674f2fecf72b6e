/**
 * The part of Protocol Buffers that KPL's format needs. Lengths and indexes are below 2^53. A longer varint is read as
 * `Infinity`, which is longer than any table or buffer.
 */
export const VARINT = 0;
export const FIXED_64 = 1;
export const LENGTH_DELIMITED = 2;
export const FIXED_32 = 5;

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length++;
  return length;
}

/** Writes a varint. Returns the offset just after it. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

/** A position in a message that is being read. Read functions move `at`, and throw `MalformedMessage`. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
  /** The end of the message. */
  end: number;
}

/** The bytes are not a message. Says what is wrong, and at which offset of the cursor's buffer. */
export class MalformedMessage extends Error {
  constructor(what: string, offset: number) {
    super(`${what} at byte ${offset}`);
    this.name = 'MalformedMessage';
  }
}

export function readVarint(cursor: Cursor): number {
  const { bytes, end } = cursor;
  const first = bytes[cursor.at];
  if (first !== undefined && first < 0x80 && cursor.at < end) {
    cursor.at++;
    return first;
  }
  return readLongVarint(cursor);
}

/** Reads a field's number and wire type. */
export function readTag(cursor: Cursor): number {
  const start = cursor.at;
  const tag = readVarint(cursor);
  if (tag < 1 << 3 || tag > 0xffff_ffff) throw new MalformedMessage('no field has such a tag', start);
  return tag;
}

/** Reads the length of a length-delimited field, which must end inside the message. */
function readLength(cursor: Cursor): number {
  const start = cursor.at;
  const length = readVarint(cursor);
  if (length > cursor.end - cursor.at) throw new MalformedMessage('a field is cut off', start);
  return length;
}

/** Skips a length-delimited field, from just after its tag, and returns where its value starts. */
export function enterField(cursor: Cursor): number {
  const length = readLength(cursor);
  const start = cursor.at;
  cursor.at += length;
  return start;
}

/** Skips a field of any wire type, from just after its tag. */
export function skipField(cursor: Cursor, tag: number): void {
  const start = cursor.at;
  const wireType = tag & 7;
  if (wireType === VARINT) readVarint(cursor);
  else if (wireType === LENGTH_DELIMITED) enterField(cursor);
  else if (wireType === FIXED_64) cursor.at += 8;
  else if (wireType === FIXED_32) cursor.at += 4;
  else throw new MalformedMessage(`wire type ${wireType} is unknown`, start);
  if (cursor.at > cursor.end) throw new MalformedMessage('a field is cut off', start);
}

const MAX_VARINT_LENGTH = 10;

function readLongVarint(cursor: Cursor): number {
  const start = cursor.at;
  let value = 0;
  let factor = 1;
  for (let length = 0; length < MAX_VARINT_LENGTH; length++) {
    const byte = cursor.at < cursor.end ? cursor.bytes[cursor.at] : undefined;
    if (byte === undefined) throw new MalformedMessage('a number is cut off', start);
    cursor.at++;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : Number.POSITIVE_INFINITY;
    factor *= 128;
  }
  throw new MalformedMessage(`a number has more than ${MAX_VARINT_LENGTH} bytes`, start);
}
