import { isUtf8 } from 'node:buffer';
import { EventRejected } from '../../runtime/errors.ts';
import { cellTexts, csvRecord, textOf } from './csv-record.ts';
import { readRecords } from './csv-records.ts';
import { LINE_FEED, type LineBreak, type RowFormat, type RowOfBlock } from './rows.ts';

/** Reads CSV by RFC 4180 into the cells of each row. Lines end with LF or CRLF; empty lines are skipped. */
export const csvRows = csvRowsWith(LINE_FEED);

/** Reads CSV whose lines end with this byte. */
export function csvRowsWith(lineBreak: LineBreak): RowFormat<readonly string[]> {
  const record = csvRecord(lineBreak);
  return {
    lineBreak,
    rowsOf(block, isLast) {
      const rows: RowOfBlock<readonly string[]>[] = [];
      const allUtf8 = isUtf8(block);
      const text = textOf(block);
      const consumed = readRecords(
        record,
        { block, isLast },
        {
          record(start, end, next) {
            const isReadable = allUtf8 || isUtf8(block.subarray(start, end));
            const content = isReadable ? cellTexts(record, text) : new EventRejected('undecodable', NOT_UTF8);
            rows.push({ start, end, next, breaks: record.innerBreaks + (next > end ? 1 : 0), content });
          },
          rejected: (line) => rows.push(line),
        },
      );
      return { rows, consumed };
    },
  };
}

/** Why a row is rejected whose bytes cannot be read. */
export const NOT_UTF8 = 'the row is not UTF-8';
