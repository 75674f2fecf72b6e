import { isObject, jsonFromText } from '../../../functions/runtime/sql/json/json.ts';
import { jsonAsText } from '../../../functions/runtime/sql/json/json-paths.ts';
import type { OutputColumn } from '../plan/plan.ts';

export type OutputFormat = 'ndjson' | 'csv' | 'table';

/** Converts outputs (lines of JSON) to the format that is printed. */
export interface Printer {
  readonly print: (lines: Buffer) => string | Buffer;
  /** Returns the text that remains to be printed at the end of the input. */
  readonly end: () => string;
}

export function printerFor(format: OutputFormat, outputs: readonly OutputColumn[]): Printer {
  const names = outputs.map(({ name }) => name);
  if (format === 'csv') return csvPrinter(names);
  if (format === 'table') return tablePrinter(names);
  return { print: (lines) => lines, end: () => '' };
}

function cellsOf(lines: Buffer, names: readonly string[]): readonly (readonly (string | null)[])[] {
  const texts = lines.toString('utf8').split('\n').slice(0, -1);
  return texts.map((text) => {
    const row = jsonFromText(text);
    return names.map((name) => (isObject(row) ? jsonAsText(row.get(name) ?? null) : null));
  });
}

function csvPrinter(names: readonly string[]): Printer {
  const line = (cells: readonly (string | null)[]): string => `${cells.map(csvField).join(',')}\n`;
  let header = line(names);
  const print = (lines: Buffer): string => {
    const text = header + cellsOf(lines, names).map(line).join('');
    header = '';
    return text;
  };
  return { print, end: () => header };
}

/** Writes a cell as Postgres's COPY does: null as an empty field, empty text as a quoted one. */
export function csvField(cell: string | null): string {
  if (cell === null) return '';
  return cell === '' || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** The number of rows from which the widths of the table's columns are taken. */
const MEASURED = 1000;
const WIDEST = 60;

function tablePrinter(names: readonly string[]): Printer {
  let waiting: (readonly (string | null)[])[] = [];
  let widths: readonly number[] | undefined;
  const line = (cells: readonly (string | null)[]): string =>
    `${cells
      .map((cell, i) => shown(cell).padEnd(widths?.[i] ?? 0))
      .join('  ')
      .trimEnd()}\n`;
  const flush = (): string => {
    const rows = waiting;
    waiting = [];
    if (widths !== undefined) return rows.map(line).join('');
    widths = names.map((name, i) =>
      Math.max(name.length, ...rows.map((row) => Math.min(shown(row[i] ?? null).length, WIDEST))),
    );
    return line(names) + line(widths.map((width) => '-'.repeat(width))) + rows.map(line).join('');
  };
  const print = (lines: Buffer): string => {
    waiting.push(...cellsOf(lines, names));
    return widths === undefined && waiting.length < MEASURED ? '' : flush();
  };
  return { print, end: () => (widths === undefined ? flush() : '') };
}

const shown = (cell: string | null): string => (cell ?? '').replace(/[\r\n\t]/g, ' ');
