import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { EventRejected } from '../../runtime/errors.ts';
import {
  endOfText,
  LONGEST_LINE_BREAK,
  LONGEST_ROW_BYTES,
  type RowFormat,
  type RowOfBlock,
  rejectedLine,
} from './rows.ts';

/**
 * Reads CSV by RFC 4180, with csv-parse, into the cells of each row. Lines end with LF or CRLF; empty lines are
 * skipped.
 */
export const csvRows: RowFormat<readonly string[]> = {
  rowsOf(block, isLast) {
    const rows: CsvRow[] = [];
    const allUtf8 = isUtf8(block);
    let at = 0;
    while (at < block.length) {
      const stop = parseFrom(block, at, rows);
      at = rows.at(-1)?.next ?? at;
      if (stop === undefined) break;
      const fitsSoFar = block.length - at <= LONGEST_ROW_BYTES + LONGEST_LINE_BREAK;
      if (stop === 'open' && fitsSoFar && !isLast) break;
      const why = BROKEN[stop === 'open' && !fitsSoFar ? 'long' : stop]();
      const broken = rejectedLine<readonly string[]>(block, at, why);
      rows.push(broken);
      at = broken.next;
    }
    const found = allUtf8 ? rows : rows.map((row) => checkedUtf8(block, row));
    return { rows: found.filter(({ start, end }) => end > start), consumed: at };
  },
};

type CsvRow = RowOfBlock<readonly string[]>;

/** Why csv-parse stopped: a quote still open at the end of the block, a row that is too long, or misplaced quotes. */
type Stop = 'open' | 'long' | 'quotes';

const BROKEN: Record<Stop, () => EventRejected> = {
  open: () => new EventRejected('undecodable', 'a quote is opened and not closed: close it'),
  long: () =>
    new EventRejected('undecodable', `a quote is opened and not closed within ${LONGEST_ROW_BYTES} bytes: close it`),
  quotes: () =>
    new EventRejected(
      'undecodable',
      'a quote is inside an unquoted field, or text follows a closing quote: double the quote inside a quoted field',
    ),
};

/** Adds rows to `rows` up to the first row that cannot be read, and returns why that one cannot. */
function parseFrom(block: Buffer, from: number, rows: CsvRow[]): Stop | undefined {
  let start = from;
  let isLong = false;
  try {
    parse(block.subarray(from), {
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      bom: false,
      on_record(cells: string[], { bytes }: { bytes: number }) {
        const next = from + bytes;
        const end = endOfText(block, start, next);
        isLong = end - start > LONGEST_ROW_BYTES;
        if (isLong) throw new Error('stop here');
        rows.push({ start, end, next, content: cells });
        start = next;
        return null;
      },
    });
    return undefined;
  } catch (error) {
    if (isLong) return 'long';
    if (!(error instanceof CsvError)) throw error;
    return error.code === 'CSV_QUOTE_NOT_CLOSED' ? 'open' : 'quotes';
  }
}

function checkedUtf8(block: Buffer, row: CsvRow): CsvRow {
  if (row.content instanceof EventRejected || isUtf8(block.subarray(row.start, row.end))) return row;
  return { ...row, content: new EventRejected('undecodable', 'the row is not UTF-8') };
}
