import { EventRejected } from '../../runtime/errors.ts';

/** The byte that ends a line. A line feed may have a carriage return before it. */
export type LineBreak = 0x0a | 0x0d;

export const LINE_FEED = 0x0a;
export const CARRIAGE_RETURN = 0x0d;

/** The longest row, in bytes, with line breaks inside quotes. */
export const LONGEST_ROW_BYTES = 1024 * 1024;

/** The place where a row begins. */
export interface RowPosition {
  /** In bytes of the decompressed content. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** True inside a line that is too long and already rejected: reading continues after its end. */
  readonly skipping?: true;
  /** True just after an element of a file that is one JSON array. */
  readonly array?: true;
}

/** A row that a format found in a block: its bytes are [start, end), and `next` is just after its line break. */
export interface RowOfBlock<T> {
  readonly start: number;
  readonly end: number;
  readonly next: number;
  /** The number of line breaks in [start, next), if the format has counted them. */
  readonly breaks?: number;
  /** The row as the format read it, or why the format cannot read it. */
  readonly content: T | EventRejected;
}

export interface RowFormat<T> {
  /** The byte that ends a line: LF unless the format says otherwise. */
  readonly lineBreak?: LineBreak;
  /**
   * Reads the rows of a block. The block starts where a row starts, and ends with a line break unless it is the last
   * one. `consumed` is how much of the block the rows take up: less than all of it when the last row continues in the
   * next block.
   */
  rowsOf(block: Buffer, isLast: boolean): { readonly rows: readonly RowOfBlock<T>[]; readonly consumed: number };
}

/** A row with its position in the content. */
export interface Row<T> {
  readonly at: RowPosition;
  readonly content: T | EventRejected;
  readonly next: RowPosition;
  /** The row's bytes are [start, end) of this block: see `bytesOf`. */
  readonly block: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Returns a row's bytes, without its line break; the first 1 MiB of a row that is too long. */
export function bytesOf({ block, start, end }: Row<unknown>): Buffer {
  return block.subarray(start, Math.min(end, start + LONGEST_ROW_BYTES));
}

export interface RowBatch<T> {
  readonly rows: readonly Row<T>[];
  /** The position after the rows, and after empty lines that follow them. */
  readonly next: RowPosition;
}

/**
 * Divides content into rows. One block is in memory at a time, at most about twice the longest row, whatever the
 * content is. How the content is divided into chunks does not matter. When the content turns out to be damaged, it
 * first yields the whole rows before that, and then throws the `EventRejected`.
 *
 * When a row is too long, or its format cannot read it, only its first line is rejected, and reading continues at the
 * next line. So an unclosed quote cannot swallow the rest of a file, and every line is either part of a row or
 * rejected.
 */
export async function* readRows<T>(
  chunks: AsyncIterable<Buffer>,
  format: RowFormat<T>,
  from: RowPosition,
): AsyncGenerator<RowBatch<T>> {
  let position = from;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let wantedBytes = BLOCK_BYTES;

  const take = (isLast: boolean): RowBatch<T> => {
    const block = Buffer.concat(pending);
    const batch = batchOf(block, { format, position, isLast });
    const rest = block.subarray(batch.next.offset - position.offset);
    position = batch.next;
    pending = rest.length > 0 ? [rest] : [];
    pendingBytes = rest.length;
    // A row that fills the block is tried again with a block twice as large, not after every chunk.
    wantedBytes = Math.max(BLOCK_BYTES, 2 * rest.length);
    return batch;
  };

  try {
    for await (const chunk of chunks) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes >= wantedBytes) yield take(false);
    }
  } catch (error) {
    if (error instanceof EventRejected && pendingBytes > 0) yield take(false);
    throw error;
  }
  while (pendingBytes > 0) yield take(true);
}

/** The length of CRLF. */
export const LONGEST_LINE_BREAK = 2;

/** Small enough for the garbage collector to free a block's rows while they are young, which is cheap. */
const BLOCK_BYTES = 64 * 1024;

interface Cut<T> {
  readonly format: RowFormat<T>;
  readonly position: RowPosition;
  readonly isLast: boolean;
}

function batchOf<T>(block: Buffer, { format, position, isLast }: Cut<T>): RowBatch<T> {
  const lines = { block, lineBreak: format.lineBreak ?? LINE_FEED };
  if (position.skipping) return { rows: [], next: afterLongLine(lines, position) };
  const complete = isLast ? block : block.subarray(0, block.lastIndexOf(lines.lineBreak) + 1);
  if (complete.length === 0) return startOfLongLine(block, position);

  const { rows: found, consumed } = format.rowsOf(complete, isLast);
  const rows: Row<T>[] = [];
  let at = position;
  let seen = 0;
  for (const { start, end, next, breaks, content } of found) {
    if (start > seen) at = moved(at, lines, { from: seen, to: start });
    const after =
      breaks === undefined
        ? moved(at, lines, { from: start, to: next })
        : { offset: at.offset + next - start, line: at.line + breaks };
    rows.push({ at, content, next: after, block, start, end });
    at = after;
    seen = next;
  }
  return { rows, next: seen === consumed ? at : moved(at, lines, { from: seen, to: consumed }) };
}

/**
 * Handles a block without a line break: its row continues, or is too long. Of a row that is too long only the start is
 * kept.
 */
function startOfLongLine<T>(block: Buffer, position: RowPosition): RowBatch<T> {
  if (block.length < LONGEST_ROW_BYTES + LONGEST_LINE_BREAK) return { rows: [], next: position };
  const next = { offset: position.offset + block.length, line: position.line, skipping: true as const };
  return { rows: [{ at: position, content: tooLong(), next, block, start: 0, end: block.length }], next };
}

/** A block, and the byte that ends its lines. */
interface Lines {
  readonly block: Buffer;
  readonly lineBreak: LineBreak;
}

function afterLongLine({ block, lineBreak }: Lines, { offset, line }: RowPosition): RowPosition {
  const found = block.indexOf(lineBreak);
  if (found < 0) return { offset: offset + block.length, line, skipping: true };
  return { offset: offset + found + 1, line: line + 1 };
}

/** Returns a position moved over a range of a block. */
export function moved(
  { offset, line }: RowPosition,
  { block, lineBreak }: Lines,
  { from, to }: { from: number; to: number },
): RowPosition {
  return { offset: offset + to - from, line: line + countBytes(block, lineBreak, { from, to }) };
}

/** Below this length, a loop is faster than a search of its own. */
const SHORT = 256;

/** Counts a byte in a range, and reads nothing behind the range: a block may have no such byte at all. */
function countBytes(block: Buffer, byte: number, { from, to }: { from: number; to: number }): number {
  let count = 0;
  if (to - from < SHORT) {
    for (let at = from; at < to; at++) if (block[at] === byte) count++;
    return count;
  }
  const range = block.subarray(from, to);
  for (let at = range.indexOf(byte); at >= 0; at = range.indexOf(byte, at + 1)) count++;
  return count;
}

/** Returns the end of a line's text, without LF or CRLF. */
export function endOfText(block: Buffer, start: number, next: number): number {
  if (next === start || block[next - 1] !== LINE_FEED) return next;
  const end = next - 1;
  return end > start && block[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
}

export function tooLong(): EventRejected {
  return new EventRejected(
    'too-large',
    `the row is longer than ${LONGEST_ROW_BYTES} bytes, of which only the first are kept here: split it`,
  );
}
