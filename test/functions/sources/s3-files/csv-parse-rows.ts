import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import {
  endOfText,
  LONGEST_LINE_BREAK,
  LONGEST_ROW_BYTES,
  type RowFormat,
  type RowOfBlock,
  tooLong,
} from '../../../../functions/sources/s3-files/rows.ts';

type CsvRow = RowOfBlock<readonly string[]>;

/** Reads CSV with csv-parse: what our reader must agree with, row by row and byte by byte. */
export const csvParseRows: RowFormat<readonly string[]> = {
  rowsOf(block, isLast) {
    const rows: CsvRow[] = [];
    let at = 0;
    while (at < block.length) {
      const stop = parseFrom(block, at, rows);
      at = rows.at(-1)?.next ?? at;
      if (stop === undefined) break;
      const fitsSoFar = block.length - at <= LONGEST_ROW_BYTES + LONGEST_LINE_BREAK;
      if (stop === 'open' && fitsSoFar && !isLast) break;
      const lineFeed = block.indexOf(0x0a, at);
      const next = lineFeed < 0 ? block.length : lineFeed + 1;
      const end = endOfText(block, at, next);
      const why = new EventRejected('undecodable', BROKEN[stop === 'open' && !fitsSoFar ? 'long' : stop]);
      rows.push({ start: at, end, next, content: end - at > LONGEST_ROW_BYTES ? tooLong() : why });
      at = next;
    }
    return { rows: rows.map((row) => checkedUtf8(block, row)).filter(({ start, end }) => end > start), consumed: at };
  },
};

type Stop = 'open' | 'long' | 'quotes';

const BROKEN: Record<Stop, string> = {
  open: 'a quote is opened and not closed: close it',
  long: `a quote is opened and not closed within ${LONGEST_ROW_BYTES} bytes: close it`,
  quotes:
    'a quote is inside an unquoted field, or text follows a closing quote: double the quote inside a quoted field',
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
