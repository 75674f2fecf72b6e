import { createHash } from 'node:crypto';
import { keyFault } from '../../runtime/event.ts';
import { addAscii, addNull, GROWTH, type JsonOut, reserve } from './json-text.ts';
import { type FollowedTable, UNCHANGED } from './relations.ts';
import { NULL_VALUE, type Tuple, UNCHANGED_VALUE } from './tuples.ts';

/** Which values a row's JSON gets. */
export interface RowParts {
  readonly row: Tuple;
  /** Has the values that did not change, under REPLICA IDENTITY FULL. */
  readonly old: Tuple | undefined;
  /** True: only the columns of the key. */
  readonly keyOnly: boolean;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;
const UNCHANGED_HEAD = Buffer.from(`,${JSON.stringify(UNCHANGED)}:[`);

/** Writes a row as a JSON object, and returns its bytes, which stay as they are. */
export function writeRow(out: JsonOut, table: FollowedTable, { row, old, keyOnly }: RowParts): Uint8Array {
  const valueBytes = row.end - row.start + (old === undefined ? 0 : old.end - old.start);
  reserve(out, GROWTH * valueBytes + table.frameBytes);
  const start = out.at;
  let isComplete = true;
  for (const { index, head, add, isKey } of table.columns) {
    if (keyOnly && !isKey) continue;
    let from = row;
    if (row.lengths[index] === UNCHANGED_VALUE) {
      if (old === undefined) {
        isComplete = false;
        continue;
      }
      from = old;
    }
    const length = from.lengths[index] as number;
    const { bytes } = out;
    let { at } = out;
    for (let byte = 0; byte < head.length; byte++) bytes[at++] = head[byte] as number;
    out.at = at;
    if (length === NULL_VALUE) addNull(out);
    else {
      const valueAt = from.starts[index] as number;
      out.from = from.bytes;
      add(out, valueAt, valueAt + length);
    }
  }
  out.isPartial = !isComplete;
  if (!isComplete) addUnchanged(out, table, row);
  // The first field has a comma before it, whose place the bracket takes.
  if (out.at === start) out.at++;
  out.bytes[start] = OPEN;
  out.bytes[out.at++] = CLOSE;
  return out.bytes.subarray(start, out.at);
}

function addUnchanged(out: JsonOut, { columns, names }: FollowedTable, { lengths }: Tuple): void {
  addAscii(out, UNCHANGED_HEAD);
  let separator = '';
  for (const { index } of columns) {
    if (lengths[index] !== UNCHANGED_VALUE) continue;
    if (separator !== '') out.bytes[out.at++] = 0x2c;
    addAscii(out, names[index] as Buffer);
    separator = ',';
  }
  out.bytes[out.at++] = 0x5d;
}

/** The longest whole number that is parsed as one: it fits 30 bits, for which V8 is quickest. */
const SHORT_DIGITS = 9;

/**
 * Returns an event's key: the text of the row's key, or of several columns a JSON list of texts. A text that no key may
 * be becomes its hash.
 */
export function keyOf({ key }: FollowedTable, tuple: Tuple): string {
  if (key.length === 1) {
    const text = textOf(tuple, key[0] as number);
    // Quickly, for what most keys are.
    return text.length > 0 && text.length < SHORT_TEXT ? text : possibleKey(text);
  }
  return possibleKey(JSON.stringify(key.map((index) => textOf(tuple, index))));
}

/** So few UTF-16 units are never too many characters for a key. */
const SHORT_TEXT = 250;

function possibleKey(text: string): string {
  return keyFault(text) === undefined ? text : `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function textOf({ bytes, starts, lengths }: Tuple, column: number): string {
  const length = lengths[column] as number;
  if (length < 0) return '';
  const start = starts[column] as number;
  if (length <= SHORT_DIGITS && length > 0 && bytes[start] !== 0x30) {
    let number = 0;
    let at = start;
    for (; at < start + length; at++) {
      const digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    if (at === start + length) return `${number}`;
  }
  return bytes.toString('utf8', start, start + length);
}

/** Returns true when two rows have the same key. */
export function hasSameKey({ key }: FollowedTable, one: Tuple, other: Tuple): boolean {
  for (const column of key) {
    const length = one.lengths[column] as number;
    if (length !== other.lengths[column]) {
      // A value that did not change is not sent again.
      if (length === UNCHANGED_VALUE || other.lengths[column] === UNCHANGED_VALUE) continue;
      return false;
    }
    if (length <= 0) continue;
    const [at, otherAt] = [one.starts[column] as number, other.starts[column] as number];
    if (one.bytes.compare(other.bytes, otherAt, otherAt + length, at, at + length) !== 0) return false;
  }
  return true;
}
