import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { EventRejected } from '../../runtime/errors.ts';
import {
  endOfText,
  LONGEST_LINE_BREAK,
  LONGEST_ROW_BYTES,
  type RowFormat,
  type RowOfBlock,
  refusedLine,
} from './rows.ts';

/** RFC 4180 by csv-parse: the cells of each row. Lines end with LF or CRLF; an empty line is no row. */
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
      const broken = refusedLine<readonly string[]>(block, at, why);
      rows.push(broken);
      at = broken.next;
    }
    const found = allUtf8 ? rows : rows.map((row) => checkedUtf8(block, row));
    return { rows: found.filter(({ start, end }) => end > start), consumed: at };
  },
};

type CsvRow = RowOfBlock<readonly string[]>;

/**
 * Why csv-parse stopped: a quote that is still open at the end of the block, a row that is too long, or quotes in the
 * wrong place.
 */
type Stop = 'open' | 'long' | 'quotes';

const BROKEN: Record<Stop, () => EventRejected> = {
  open: () => new EventRejected('undecodable', 'a quote is opened and not closed'),
  long: () => new EventRejected('undecodable', `a quote is opened and not closed within ${LONGEST_ROW_BYTES} bytes`),
  quotes: () =>
    new EventRejected(
      'undecodable',
      'a quote stands inside an unquoted field, or text follows a closing quote: double it',
    ),
};

/** Adds the rows that can be read, up to the first that cannot. */
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
