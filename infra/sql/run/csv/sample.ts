import { isUtf8 } from 'node:buffer';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import { cellText, csvRecord, UNQUOTED } from '../../../../functions/sources/s3-files/csv-record.ts';
import { readRecords } from '../../../../functions/sources/s3-files/csv-records.ts';
import { NOT_UTF8 } from '../../../../functions/sources/s3-files/csv-rows.ts';
import type { LineBreak, RowFormat, RowOfBlock } from '../../../../functions/sources/s3-files/rows.ts';
import type { Cell } from './cells.ts';

/** Reads CSV into cells that know whether they were quoted. */
export function sampledRows(lineBreak: LineBreak): RowFormat<readonly Cell[]> {
  return {
    lineBreak,
    rowsOf(block, isLast) {
      const rows: RowOfBlock<readonly Cell[]>[] = [];
      const record = csvRecord(lineBreak);
      const allUtf8 = isUtf8(block);
      const consumed = readRecords(
        record,
        { block, isLast },
        {
          record(start, end, next) {
            const content = Array.from({ length: record.count }, (_, i) => ({
              text: cellText(record, i),
              isQuoted: record.quoting[i] !== UNQUOTED,
            }));
            const isReadable = allUtf8 || isUtf8(block.subarray(start, end));
            rows.push({ start, end, next, content: isReadable ? content : new EventRejected('undecodable', NOT_UTF8) });
          },
          rejected: (line) => rows.push(line),
        },
      );
      return { rows, consumed };
    },
  };
}
