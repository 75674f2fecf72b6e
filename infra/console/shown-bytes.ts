import { isUtf8 } from 'node:buffer';
import type { ShownBytes } from './answers.ts';

/** A page shows no more of a value: a browser lays out 10 MB of text for seconds. */
const MOST_SHOWN_BYTES = 64 * 1024;

/** Cuts bytes to what a page shows. */
export function shownBytes(bytes: Uint8Array, most = MOST_SHOWN_BYTES): ShownBytes {
  const size = bytes.length;
  const isCut = size > most;
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, size);
  if (!isUtf8(whole)) return { text: whole.subarray(0, most).toString('base64'), isText: false, size, isCut };
  return { text: whole.subarray(0, isCut ? endOfCharacter(whole, most) : size).toString(), isText: true, size, isCut };
}

/** Goes back from the middle of a character to its beginning. */
function endOfCharacter(bytes: Uint8Array, end: number): number {
  let at = end;
  while (at > 0 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at -= 1;
  return at;
}

/** Cuts a text for a cell of a list. */
export function cutText(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
}
