import { cellText, csvRecord, UNQUOTED } from '../../../../functions/sources/s3-files/csv-record.ts';
import { readRecords } from '../../../../functions/sources/s3-files/csv-records.ts';
import type { LineBreak, RowFormat, RowOfBlock } from '../../../../functions/sources/s3-files/rows.ts';
import type { Cell } from './cells.ts';

/** Reads CSV into cells that know whether they were quoted. */
export function sampledRows(lineBreak: LineBreak): RowFormat<readonly Cell[]> {
  return {
    lineBreak,
    rowsOf(block, isLast) {
      const rows: RowOfBlock<readonly Cell[]>[] = [];
      const record = csvRecord(lineBreak);
      const consumed = readRecords(
        record,
        { block, isLast },
        {
          record(start, end, next) {
            const content = Array.from({ length: record.count }, (_, i) => ({
              text: cellText(record, i),
              isQuoted: record.quoting[i] !== UNQUOTED,
            }));
            rows.push({ start, end, next, content });
          },
          rejected: (line) => rows.push(line),
        },
      );
      return { rows, consumed };
    },
  };
}
