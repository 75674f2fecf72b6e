import { isUtf8 } from 'node:buffer';
import { EventRejected } from '../../runtime/errors.ts';
import { CLOSE_BRACKET, COMMA, OPEN_BRACKET } from '../../runtime/json/json-bytes.ts';
import { afterSpace } from './json-array.ts';
import { beginElement, type ElementScan, endOfElement, scanElement } from './json-element-end.ts';
import { LINE_FEED, LONGEST_ROW_BYTES, moved, type Row, type RowBatch, type RowPosition, tooLong } from './rows.ts';

export type JsonRow = Row<{ readonly json: unknown }>;

/** Makes the value of a row, of an element that is JSON: of the bytes [start, end) of a block. */
type ReadJson = (block: Buffer, start: number, end: number) => unknown;

/** What is wrong with an array, from this position on. */
export type ArrayDamage = EventRejected & { readonly at: RowPosition };

/** An element of so many bytes has a quote or a bracket that is never closed. */
const LONGEST_ELEMENT_BYTES = 16 * LONGEST_ROW_BYTES;

/**
 * Divides content that is one JSON array into its elements, as `readRows` divides lines. At most about 1 MiB of an
 * element is in memory; a longer one is rejected alone, and so is one that is not UTF-8. Begins at the array's bracket,
 * or just after an element.
 *
 * Behind an element that is not JSON nobody can tell where the next one begins. So the first damage ends the reading:
 * the elements before it come first, and then the `ArrayDamage` is thrown.
 */
export async function* readElements(
  chunks: AsyncIterable<Buffer>,
  from: RowPosition,
  jsonOf: ReadJson = parsed,
): AsyncGenerator<RowBatch<{ readonly json: unknown }>> {
  const reading = beginReading(from, jsonOf);
  const take = function* (block: Buffer): Generator<RowBatch<{ readonly json: unknown }>> {
    reading.block = reading.block.length === 0 ? block : Buffer.concat([reading.block, block]);
    const damage = readBlock(reading);
    reading.block = reading.block.subarray(reading.read);
    reading.read = 0;
    const { rows, next } = reading;
    reading.rows = [];
    if (rows.length > 0) yield { rows, next };
    if (damage !== undefined) throw damage;
  };
  let pending: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      pending.push(chunk);
      bytes += chunk.length;
      // Of a long element each byte is copied a few times, not with every chunk.
      if (bytes < Math.max(BLOCK_BYTES, reading.block.length)) continue;
      const block = pending.length === 1 ? chunk : Buffer.concat(pending);
      pending = [];
      bytes = 0;
      yield* take(block);
    }
  } catch (error) {
    if (error instanceof EventRejected && !('at' in error)) yield* take(Buffer.concat(pending));
    throw error;
  }
  yield* take(Buffer.concat(pending));
  if (reading.expects !== 'end') throw damageAt(reading.position, 'the file ends before the array does');
}

const BLOCK_BYTES = 64 * 1024;

interface Reading {
  readonly jsonOf: ReadJson;
  block: Buffer;
  /** How much of the block is read. The element that is being scanned begins there. */
  read: number;
  /** The position of the first byte that is not read. */
  position: RowPosition;
  expects: 'open' | 'first' | 'element' | 'separator' | 'end';
  /** The scan of an element that does not end in the block, or is not right. */
  scan: ElementScan | undefined;
  /** The start of an element that is too long, and where it begins. */
  long: { readonly at: RowPosition; readonly head: Buffer } | undefined;
  rows: JsonRow[];
  /** The position just after the last element. */
  next: RowPosition;
}

function beginReading(from: RowPosition, jsonOf: ReadJson): Reading {
  const expects = from.array ? 'separator' : 'open';
  const nothing = { block: Buffer.alloc(0), read: 0, scan: undefined, long: undefined, rows: [] };
  return { ...nothing, jsonOf, position: from, expects, next: from };
}

/** Reads the elements that end in the block. Returns the damage that ends the reading. */
function readBlock(reading: Reading): ArrayDamage | undefined {
  for (;;) {
    const damage = reading.scan === undefined ? readBetween(reading) : scanOn(reading, reading.scan);
    if (damage !== undefined) return damage === 'more' ? undefined : damage;
  }
}

/** Reads what stands between elements. */
function readBetween(reading: Reading): ArrayDamage | 'more' | undefined {
  advance(reading, afterSpace(reading.block, reading.read));
  const byte = reading.block[reading.read];
  if (byte === undefined) return 'more';
  const { expects, position } = reading;
  if (expects === 'element' || (expects === 'first' && byte !== CLOSE_BRACKET)) return readElement(reading);
  if (expects === 'end') return damageAt(position, 'text follows the end of the array');
  if (expects === 'open') reading.expects = 'first';
  else if (byte === CLOSE_BRACKET) reading.expects = 'end';
  else if (byte === COMMA) reading.expects = 'element';
  else return damageAt(position, 'neither a comma nor the end of the array follows an element');
  if (expects === 'open' && byte !== OPEN_BRACKET) return damageAt(position, 'no array begins here');
  advance(reading, reading.read + 1);
  return undefined;
}

/** Reads an element at once, if all of it is in the block and nothing is wrong with it. */
function readElement(reading: Reading): ArrayDamage | undefined {
  const { block, read } = reading;
  const end = endOfElement(block, read);
  if (end === undefined || end - read > LONGEST_ROW_BYTES) {
    reading.scan = beginElement();
    return undefined;
  }
  finishElement(reading, end, { block, start: read, end, content: { json: reading.jsonOf(block, read, end) } });
  return undefined;
}

/** Adds a row, and goes on behind its element. */
function finishElement(reading: Reading, end: number, row: Pick<JsonRow, 'block' | 'start' | 'end' | 'content'>): void {
  const at = reading.long?.at ?? reading.position;
  advance(reading, end);
  reading.next = { ...reading.position, array: true };
  reading.rows.push({ at, ...row, next: reading.next });
  reading.expects = 'separator';
  reading.scan = undefined;
  reading.long = undefined;
}

/** Goes on with an element that did not end in the block before, or that is not right. */
function scanOn(reading: Reading, scan: ElementScan): ArrayDamage | 'more' | undefined {
  const block = reading.block.subarray(reading.read);
  const at = reading.long?.at ?? reading.position;
  const end = scanElement(scan, block);
  const length = reading.position.offset + (end ?? block.length) - at.offset;
  if (length > LONGEST_ELEMENT_BYTES)
    return damageAt(at, `an element is longer than ${LONGEST_ELEMENT_BYTES} bytes: a quote or a bracket is not closed`);
  if (end === undefined) {
    if (length > LONGEST_ROW_BYTES) dropLong(reading, scan);
    return 'more';
  }
  const bytes = reading.long?.head ?? block.subarray(0, end);
  const content = length > LONGEST_ROW_BYTES ? tooLong() : contentOf(bytes);
  if (content === undefined) return damageAt(at, 'an element is not JSON');
  finishElement(reading, reading.read + end, { block: bytes, start: 0, end: bytes.length, content });
  return undefined;
}

/** Keeps only the start of an element that is too long. */
function dropLong(reading: Reading, scan: ElementScan): void {
  const { block, read } = reading;
  reading.long ??= { at: reading.position, head: Buffer.from(block.subarray(read, read + LONGEST_ROW_BYTES)) };
  advance(reading, reading.block.length);
  scan.at = 0;
}

/** Counts the block's bytes as read, up to this one. */
function advance(reading: Reading, to: number): void {
  const { block, read } = reading;
  if (to === read) return;
  reading.position = moved(reading.position, { block, lineBreak: LINE_FEED }, { from: read, to });
  reading.read = to;
}

const parsed: ReadJson = (block, start, end) => JSON.parse(block.toString('utf8', start, end));

/** Parses an element; undefined if it is not JSON. */
function contentOf(bytes: Buffer): JsonRow['content'] | undefined {
  if (!isUtf8(bytes)) return new EventRejected('undecodable', 'the element is not UTF-8');
  try {
    return { json: parsed(bytes, 0, bytes.length) };
  } catch {
    // Not the parser's message: it quotes the data, and messages may be logged.
    return undefined;
  }
}

function damageAt(at: RowPosition, what: string): ArrayDamage {
  const message = `the JSON array is damaged at byte ${at.offset} in line ${at.line}, because ${what}: everything before that place was read, and nothing from there on; correct the rest, and make it a file of its own`;
  return Object.assign(new EventRejected('undecodable', message), { at });
}
