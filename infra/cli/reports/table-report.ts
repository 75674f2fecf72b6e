import type { TableStatus } from '../../operation/status/table-status.ts';
import { textTable } from '../../text-table.ts';
import { durationText } from '../arguments/times.ts';

const HEADER = ['table', 'rows', 'size', 'dead', 'waiting'];

/** Formats a row for each table, and below them the notes. An empty text when there are no tables. */
export function tableReport(tables: readonly TableStatus[]): string {
  if (tables.length === 0) return '';
  const cells = tables.map(({ pipeline, table, rows, bytes, bloat, lagMillis }) => [
    `${pipeline}/${table}`,
    rows === undefined ? '–' : `~${rows.toLocaleString('en-US')}`,
    bytes === undefined ? '–' : sizeText(bytes),
    bloat === undefined ? '–' : `${Math.round(bloat * 100)} %`,
    lagMillis ? durationText(lagMillis) : '–',
  ]);
  const notes = tables.flatMap(({ pipeline, table, note }) =>
    note === undefined ? [] : [`${pipeline}/${table}: ${note}`],
  );
  return [textTable(HEADER, cells), ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Formats a size in its largest useful unit: `8 KiB`, `1.5 MiB`, `120 GiB`. */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes / 1_024, 0];
  for (; size >= 1_000 && unit < UNITS.length - 1; unit++) size /= 1_024;
  return `${size < 10 ? Math.round(size * 10) / 10 : Math.round(size)} ${UNITS[unit]}`;
}
