import { isUtf8 } from 'node:buffer';
import { EventRejected } from '../../runtime/errors.ts';
import {
  type CsvRecord,
  cellTexts,
  csvRecord,
  LINE_FEED,
  type LineBreak,
  MISPLACED,
  OPEN,
  scanRecord,
} from './csv-record.ts';
import { endOfText, LONGEST_LINE_BREAK, LONGEST_ROW_BYTES, type RowFormat, type RowOfBlock, tooLong } from './rows.ts';

/** Reads CSV by RFC 4180 into the cells of each row. Lines end with LF or CRLF; empty lines are skipped. */
export const csvRows = csvRowsWith(LINE_FEED);

/** Reads CSV whose lines end with this byte. */
export function csvRowsWith(lineBreak: LineBreak): RowFormat<readonly string[]> {
  return {
    lineBreak,
    rowsOf(block, isLast) {
      const rows: CsvRow[] = [];
      const record = csvRecord(lineBreak);
      record.block = block;
      const texts = { latin1: block.toString('latin1'), allUtf8: isUtf8(block) };
      let at = 0;
      while (at < block.length) {
        const limit = Math.min(block.length, at + LONGEST_ROW_BYTES + LONGEST_LINE_BREAK);
        const next = scanRecord(record, at, limit);
        if (next === OPEN && limit === block.length && !isLast) break;
        const why = whyBroken(record, at, next);
        const row = why === undefined ? readRow(record, { start: at, next }, texts) : rejectedLine(record, at, why);
        if (row.end > row.start) rows.push(row);
        at = row.next;
      }
      return { rows, consumed: at };
    },
  };
}

type CsvRow = RowOfBlock<readonly string[]>;

const NOT_CLOSED = 'a quote is opened and not closed: close it';
const NOT_CLOSED_SOON = `a quote is opened and not closed within ${LONGEST_ROW_BYTES} bytes: close it`;
const STRAY_QUOTE =
  'a quote is inside an unquoted field, or text follows a closing quote: double the quote inside a quoted field';
const NOT_UTF8 = 'the row is not UTF-8';

const rejection = (why: string): EventRejected => new EventRejected('undecodable', why);

/** Returns why a scanned record is no row; undefined for a row. */
function whyBroken(record: CsvRecord, start: number, next: number): string | undefined {
  if (next === MISPLACED) return STRAY_QUOTE;
  if (next !== OPEN) return endOfRow(record, start, next) - start > LONGEST_ROW_BYTES ? NOT_CLOSED_SOON : undefined;
  const left = record.block.length - start;
  return left > LONGEST_ROW_BYTES + LONGEST_LINE_BREAK ? NOT_CLOSED_SOON : NOT_CLOSED;
}

interface Texts {
  /** The block as Latin-1. */
  readonly latin1: string;
  readonly allUtf8: boolean;
}

function readRow(record: CsvRecord, { start, next }: { start: number; next: number }, texts: Texts): CsvRow {
  const end = endOfRow(record, start, next);
  const isReadable = texts.allUtf8 || isUtf8(record.block.subarray(start, end));
  return { start, end, next, content: isReadable ? cellTexts(record, texts.latin1) : rejection(NOT_UTF8) };
}

/** Makes a rejected row of the line that starts at `start`. */
function rejectedLine(record: CsvRecord, start: number, why: string): CsvRow {
  const { block, lineBreak } = record;
  const found = block.indexOf(lineBreak, start);
  const next = found < 0 ? block.length : found + 1;
  const end = endOfRow(record, start, next);
  return { start, end, next, content: end - start > LONGEST_ROW_BYTES ? tooLong() : rejection(why) };
}

function endOfRow({ block, lineBreak }: CsvRecord, start: number, next: number): number {
  if (lineBreak === LINE_FEED) return endOfText(block, start, next);
  return block[next - 1] === lineBreak ? next - 1 : next;
}
