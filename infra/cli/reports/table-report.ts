import type { TableStatus } from '../../operation/status/table-status.ts';
import { durationText, shortTime } from '../../operation/times.ts';
import { textTable } from '../../text-table.ts';

const HEADER = ['table', 'rows', 'size', 'dead', 'waiting'];
const TIME_HEADER = ['watermark', 'open windows'];

/**
 * Formats a row for each table, and below them the notes. The columns of time are there when a table knows the time. An
 * empty text when there are no tables.
 */
export function tableReport(tables: readonly TableStatus[], nowMillis: number): string {
  if (tables.length === 0) return '';
  const hasTime = tables.some(({ watermark }) => watermark !== undefined);
  const cells = tables.map((status) => [
    `${status.pipeline}/${status.table}`,
    status.rows === undefined ? '–' : `~${status.rows.toLocaleString('en-US')}`,
    status.bytes === undefined ? '–' : sizeText(status.bytes),
    status.bloat === undefined ? '–' : `${Math.round(status.bloat * 100)} %`,
    status.lagMillis ? durationText(status.lagMillis) : '–',
    ...(hasTime ? [watermarkText(status, nowMillis), windowsText(status)] : []),
  ]);
  const notes = tables.flatMap((status) =>
    notesOf(status).map((note) => `${status.pipeline}/${status.table}: ${note}`),
  );
  const header = hasTime ? [...HEADER, ...TIME_HEADER] : HEADER;
  return [textTable(header, cells), ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

function watermarkText({ watermark }: TableStatus, nowMillis: number): string {
  if (watermark === undefined) return '–';
  if (watermark === null) return 'none yet';
  return `${shortTime(watermark)}, ${durationText(Math.max(0, nowMillis - Date.parse(watermark)))} ago`;
}

function windowsText({ openWindows, moreWindows }: TableStatus): string {
  if (openWindows === undefined) return '–';
  return `${moreWindows ? 'over ' : ''}${openWindows.toLocaleString('en-US')}`;
}

function notesOf({ note, watermark }: TableStatus): readonly string[] {
  return [...(note === undefined ? [] : [note]), ...(watermark === null ? [NO_TICK] : [])];
}

const NO_TICK =
  'a shard of its stream has brought no tick yet, or backfillUntil holds time back, so its windows do not close; see the steps above';

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Formats a size in its largest useful unit: `8 KiB`, `1.5 MiB`, `120 GiB`. */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes / 1_024, 0];
  for (; size >= 1_000 && unit < UNITS.length - 1; unit++) size /= 1_024;
  return `${size < 10 ? Math.round(size * 10) / 10 : Math.round(size)} ${UNITS[unit]}`;
}
