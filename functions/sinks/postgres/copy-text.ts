import { textAt } from './fields.ts';

/**
 * Lines of COPY's text format as they grow. A line can be given up half-way: `used` is set back to where it began.
 *
 * Hot path: bytes are copied one by one, because most values are shorter than what a call to native code costs.
 */
export interface CopyText {
  buffer: Buffer;
  used: number;
  /** Memory that has been given back. */
  spare: Buffer | undefined;
  /** What values are copied from: the data of the event whose line it is. */
  data: Uint8Array;
}

export const CHUNK_BYTES = 16 * 1024;

export function emptyCopyText(): CopyText {
  return { buffer: newBuffer(), used: 0, spare: undefined, data: new Uint8Array() };
}

/** Sees to it that so many bytes can be added. */
export function reserve(out: CopyText, length: number): void {
  if (out.used + length <= out.buffer.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(out.used + length, out.buffer.length * 2));
  larger.set(out.buffer.subarray(0, out.used));
  out.buffer = larger;
}

/** What is there so far, for somebody else to keep, or to give back. */
export function takeBytes(out: CopyText): Buffer {
  const taken = out.buffer.subarray(0, out.used);
  out.buffer = out.spare ?? newBuffer();
  out.spare = undefined;
  out.used = 0;
  return taken;
}

/** Nobody reads these bytes any more: their memory can be written again, which spares the garbage collector a lot. */
export function giveBack(out: CopyText, taken: Uint8Array): void {
  // What an unusually long line needed is not kept for ever.
  if (taken.buffer.byteLength <= 2 * CHUNK_BYTES) out.spare = Buffer.from(taken.buffer);
}

/** With some room for the line that makes it full. */
function newBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES + CHUNK_BYTES / 4);
}

export function addSeparator(out: CopyText): void {
  out.buffer[out.used++] = TAB;
}

export function addLineEnd(out: CopyText): void {
  out.buffer[out.used++] = NEWLINE;
}

export function addNull(out: CopyText): void {
  out.buffer[out.used++] = BACKSLASH;
  out.buffer[out.used++] = LETTER_N;
}

/** ASCII without anything to escape. */
export function addAscii(out: CopyText, text: string): void {
  out.used += out.buffer.write(text, out.used, 'latin1');
}

/**
 * Bytes as they are. A JSON string's inside is fit for it unless there is a `\u` in it: JSON has no raw control
 * characters, COPY reads `\b \f \n \r \t` as JSON does, and after a backslash takes any other character for itself.
 */
export function addRaw(out: CopyText, start: number, end: number): void {
  const { buffer, data } = out;
  let used = out.used;
  for (let at = start; at < end; at++) buffer[used++] = data[at] as number;
  out.used = used;
}

/** JSON as text: its backslashes are doubled, and line breaks and tabs between its values escaped. */
export function addJson(out: CopyText, start: number, end: number): void {
  const { buffer, data } = out;
  let used = out.used;
  for (let at = start; at < end; at++) {
    const byte = data[at] as number;
    if (byte === BACKSLASH || byte < SPACE) buffer[used++] = BACKSLASH;
    buffer[used++] = byte < SPACE ? (LETTERS[byte] as number) : byte;
  }
  out.used = used;
}

/**
 * The text that a JSON string with `\u` in it stands for. False: it is none that Postgres can hold, and nothing was
 * added.
 */
export function addDecoded(out: CopyText, start: number, end: number): boolean {
  const text = JSON.parse(textAt(out.data, start, end)) as string;
  if (text.includes('\0') || !text.isWellFormed()) return false;
  const escaped = text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character);
  out.used += out.buffer.write(escaped, out.used, 'utf8');
  return true;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/**
 * What stands after the backslash for a tab, a line feed or a carriage return: JSON has no other character below the
 * space.
 */
const LETTERS = { 9: 0x74, 10: 0x6e, 13: 0x72 } as Readonly<Record<number, number>>;
const TAB = 0x09;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const LETTER_N = 0x4e;
const BACKSLASH = 0x5c;
