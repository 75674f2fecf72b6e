import { textAt } from './fields.ts';

/**
 * A growing buffer of lines in COPY's text format. To drop an unfinished line, set `used` back to where the line began.
 *
 * Hot path: bytes are copied one by one, because for most values a call to native code costs more than the copy.
 */
export interface CopyText {
  buffer: Buffer;
  used: number;
  /** A buffer that its reader has given back, for the next lines. */
  spare: Buffer | undefined;
  /** The data of the event whose line is being written: values are copied from here. */
  data: Uint8Array;
}

export const CHUNK_BYTES = 16 * 1024;

export function emptyCopyText(): CopyText {
  return { buffer: newBuffer(), used: 0, spare: undefined, data: new Uint8Array() };
}

/** Makes room for so many more bytes. */
export function reserve(out: CopyText, length: number): void {
  if (out.used + length <= out.buffer.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(out.used + length, out.buffer.length * 2));
  larger.set(out.buffer.subarray(0, out.used));
  out.buffer = larger;
}

/** Takes the lines written so far out of the buffer. The caller keeps them, or returns their memory by `giveBack`. */
export function takeBytes(out: CopyText): Buffer {
  const taken = out.buffer.subarray(0, out.used);
  out.buffer = out.spare ?? newBuffer();
  out.spare = undefined;
  out.used = 0;
  return taken;
}

/** Returns bytes that nobody reads any more. Writing into them again saves the garbage collector much work. */
export function giveBack(out: CopyText, taken: Uint8Array): void {
  // The memory of an unusually long line is left to the garbage collector.
  if (taken.buffer.byteLength <= 2 * CHUNK_BYTES) out.spare = Buffer.from(taken.buffer);
}

/** A chunk, with some room for the line that exceeds it. */
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

/** Adds ASCII that contains nothing to escape. */
export function addAscii(out: CopyText, text: string): void {
  out.used += out.buffer.write(text, out.used, 'latin1');
}

/**
 * Adds bytes unchanged. The inside of a JSON string without `\u` is valid here: JSON has no raw control characters, and
 * COPY reads `\b \f \n \r \t` as JSON does and takes any other character after a backslash literally.
 */
export function addRaw(out: CopyText, start: number, end: number): void {
  const { buffer, data } = out;
  let used = out.used;
  for (let at = start; at < end; at++) buffer[used++] = data[at] as number;
  out.used = used;
}

/** Adds JSON as a text value: doubles backslashes, and escapes line breaks and tabs between values. */
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
 * Adds the text of a JSON string that contains `\u`. Returns false, and adds nothing, when Postgres cannot hold the
 * text: it has no character 0 and no half of a surrogate pair.
 */
export function addDecoded(out: CopyText, start: number, end: number): boolean {
  const text = JSON.parse(textAt(out.data, start, end)) as string;
  if (text.includes('\0') || !text.isWellFormed()) return false;
  out.used += out.buffer.write(escaped(text), out.used, 'utf8');
  return true;
}

/** Adds a text of any length, and makes room for `more` bytes behind it. */
export function addText(out: CopyText, text: string, more: number): void {
  const line = escaped(text);
  reserve(out, Buffer.byteLength(line) + more);
  out.used += out.buffer.write(line, out.used, 'utf8');
}

const escaped = (text: string): string => text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character);

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/**
 * The letters after the backslash for tab, line feed and carriage return: JSON allows no other character below space.
 */
const LETTERS = { 9: 0x74, 10: 0x6e, 13: 0x72 } as Readonly<Record<number, number>>;
const TAB = 0x09;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const LETTER_N = 0x4e;
const BACKSLASH = 0x5c;
