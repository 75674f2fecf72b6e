import { EventRejected } from '../../runtime/errors.ts';
import { type CsvRecord, MISPLACED, OPEN, scanRecord, startBlock } from './csv-record.ts';
import { endOfText, LINE_FEED, LONGEST_LINE_BREAK, LONGEST_ROW_BYTES, type RowOfBlock, tooLong } from './rows.ts';

/** Receives the records of a block in order. Places are bytes of the block. */
export interface RecordVisitor {
  /** The record was scanned: its text is [start, end), and the next record starts at `next`. */
  record(start: number, end: number, next: number): void;
  /** The line begins no record. */
  rejected(line: RowOfBlock<never>): void;
}

/** A block begins with a record. */
export interface Block {
  readonly block: Buffer;
  readonly isLast: boolean;
}

/**
 * Reads the records of a block by RFC 4180, and returns how much of the block they take up. Skips empty lines. Of
 * a record that cannot be read only the first line is rejected, and reading continues at the next line. Hot path: it
 * makes no object for a record.
 */
export function readRecords(record: CsvRecord, { block, isLast }: Block, visitor: RecordVisitor): number {
  startBlock(record, block);
  let at = 0;
  while (at < block.length) {
    const limit = Math.min(block.length, at + LONGEST_ROW_BYTES + LONGEST_LINE_BREAK);
    const { cursor } = record;
    const next = scanRecord(record, at, limit);
    if (next === OPEN && limit === block.length && !isLast) break;
    const end = next < 0 ? at : endOfRow(record, at, next);
    if (next >= 0 && end - at <= LONGEST_ROW_BYTES) {
      if (end > at) visitor.record(at, end, next);
      at = next;
    } else {
      const line = rejectedLine(record, at, whyBroken(block.length - at, next));
      visitor.rejected(line);
      // The next line may begin inside of what was scanned.
      record.cursor = cursor;
      at = line.next;
    }
  }
  return at;
}

const NOT_CLOSED = 'a quote is opened and not closed: close it';
const NOT_CLOSED_SOON = `a quote is opened and not closed within ${LONGEST_ROW_BYTES} bytes: close it`;
const STRAY_QUOTE =
  'a quote is inside an unquoted field, or text follows a closing quote: double the quote inside a quoted field';

/** Returns why a scanned record is no row. */
function whyBroken(left: number, scanned: number): string {
  if (scanned === MISPLACED) return STRAY_QUOTE;
  return scanned === OPEN && left <= LONGEST_ROW_BYTES + LONGEST_LINE_BREAK ? NOT_CLOSED : NOT_CLOSED_SOON;
}

/** Makes a rejected row of the line that starts at `start`. */
function rejectedLine(record: CsvRecord, start: number, why: string): RowOfBlock<never> {
  const { block, lineBreak } = record;
  const found = block.indexOf(lineBreak, start);
  const next = found < 0 ? block.length : found + 1;
  const end = endOfRow(record, start, next);
  const isLong = end - start > LONGEST_ROW_BYTES;
  return { start, end, next, content: isLong ? tooLong() : new EventRejected('undecodable', why) };
}

function endOfRow({ block, lineBreak }: CsvRecord, start: number, next: number): number {
  if (lineBreak === LINE_FEED) return endOfText(block, start, next);
  return block[next - 1] === lineBreak ? next - 1 : next;
}
