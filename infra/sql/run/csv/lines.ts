import { isUtf8 } from 'node:buffer';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import type { JsonWriter } from '../../../../functions/runtime/sql/json/json-writer.ts';
import { createWriter, reserve, writeString } from '../../../../functions/runtime/sql/json/json-writer.ts';
import {
  type CsvRecord,
  cellText,
  csvRecord,
  DOUBLED,
  UNQUOTED,
} from '../../../../functions/sources/s3-files/csv-record.ts';
import { readRecords } from '../../../../functions/sources/s3-files/csv-records.ts';
import { NOT_UTF8 } from '../../../../functions/sources/s3-files/csv-rows.ts';
import type { LineBreak, RowFormat, RowOfBlock } from '../../../../functions/sources/s3-files/rows.ts';
import type { CellColumn } from './cells.ts';
import { cellJson } from './cells.ts';

/** Records that follow each other without a gap, as lines of JSON. Reading the next block overwrites the text. */
export interface JsonLines {
  readonly text: Buffer;
  /** For each record how many lines after the first one it begins. */
  readonly lines: readonly number[];
}

/** A column to read; undefined for a column that is skipped. */
export type SelectedCell = (CellColumn & { readonly name: string }) | undefined;

/**
 * Reads CSV into lines of JSON with the selected columns only. A record with another number of cells than there are
 * columns is rejected, and so is one that is not UTF-8, as sources of files do. Hot path: it makes no object for a
 * record.
 */
export function jsonLines(lineBreak: LineBreak, wanted: readonly SelectedCell[]): RowFormat<JsonLines> {
  const writer = createWriter(1 << 17);
  const record = csvRecord(lineBreak);
  const cells = withKeys(wanted);
  return {
    lineBreak,
    rowsOf(block, isLast) {
      writer.length = 0;
      const isClean = isUtf8(block);
      const rows: (RowOfBlock<never> | Run)[] = [];
      let run: Run | undefined;
      const consumed = readRecords(
        record,
        { block, isLast },
        {
          record(start, end, next) {
            if (!isClean && !isUtf8(block.subarray(start, end))) {
              rows.push({ start, end, next, content: new EventRejected('undecodable', NOT_UTF8) });
              return;
            }
            if (record.count !== wanted.length) {
              rows.push({ start, end, next, content: wrongCount(record.count, wanted.length) });
              return;
            }
            if (run?.next !== start) {
              run = { start, end, next, content: { text: NOTHING, lines: [] }, from: writer.length, to: 0, line: 0 };
              rows.push(run);
            }
            run.content.lines.push(run.line);
            run.line += 1 + record.innerBreaks;
            writeRecord(writer, record, cells);
            run.to = writer.length;
            run.end = end;
            run.next = next;
          },
          rejected: (line) => rows.push(line),
        },
      );
      // Only now the buffer does not grow any more.
      for (const row of rows) if ('from' in row) row.content.text = writer.buffer.subarray(row.from, row.to);
      return { rows, consumed };
    },
  };
}

const NOTHING = Buffer.alloc(0);

interface Run {
  readonly start: number;
  end: number;
  next: number;
  readonly content: { text: Buffer; readonly lines: number[] };
  /** Its range in the writer's buffer. */
  readonly from: number;
  to: number;
  /** The number of lines of its records so far. */
  line: number;
}

const wrongCount = (found: number, wanted: number): EventRejected =>
  new EventRejected(
    'schema',
    `the record has ${found} cell${found === 1 ? '' : 's'}, but the header has ${wanted}: make them equal`,
  );

interface KeyedCell extends CellColumn {
  readonly index: number;
  /** The text before the value: `{"a":` or `,"b":`. */
  readonly key: Buffer;
}

function withKeys(wanted: readonly SelectedCell[]): readonly KeyedCell[] {
  let before = '{';
  return wanted.flatMap((cell, index) => {
    if (cell === undefined) return [];
    const key = Buffer.from(`${before}${JSON.stringify(cell.name)}:`);
    before = ',';
    return [{ ...cell, index, key }];
  });
}

function writeRecord(writer: JsonWriter, record: CsvRecord, cells: readonly KeyedCell[]): void {
  for (let i = 0; i < cells.length; i += 1) {
    const cell = cells[i] as KeyedCell;
    if (!copyCell(writer, record, cell)) {
      writeKey(writer, cell.key, 0);
      writeString(writer, cellJson(cell, cellText(record, cell.index), record.quoting[cell.index] !== UNQUOTED));
    }
  }
  writeString(writer, cells.length > 0 ? '}\n' : '{}\n');
}

function writeKey(writer: JsonWriter, key: Buffer, more: number): void {
  reserve(writer, key.length + more);
  const { buffer } = writer;
  let at = writer.length;
  for (let i = 0; i < key.length; i += 1) buffer[at++] = key[i] as number;
  writer.length = at;
}

/** Writes an ordinary cell, of which the bytes are copied. False, and nothing is written, for any other cell. */
function copyCell(writer: JsonWriter, record: CsvRecord, { index, kind, key }: KeyedCell): boolean {
  const { block, bounds } = record;
  const from = bounds[2 * index] as number;
  const to = bounds[2 * index + 1] as number;
  const quoting = record.quoting[index];
  if (from === to || quoting === DOUBLED || kind === 'boolean') return false;
  const isText = kind === 'text' || kind === 'other' || (kind === 'any' && quoting !== UNQUOTED);
  if (isText ? !isPlainText(block, from, to) : !isPlainNumber(block, from, to)) return false;
  writeKey(writer, key, to - from + 2);
  const { buffer } = writer;
  let at = writer.length;
  if (isText) buffer[at++] = QUOTE;
  for (let i = from; i < to; i += 1) buffer[at++] = block[i] as number;
  if (isText) buffer[at++] = QUOTE;
  writer.length = at;
  return true;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isPlainText(block: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) {
    const byte = block[i] as number;
    if (byte < 0x20 || byte === BACKSLASH) return false;
  }
  return true;
}

/** Tests for the most common form of a JSON number: digits, with at most one decimal point between them. */
function isPlainNumber(block: Buffer, from: number, to: number): boolean {
  if (block[from] === ZERO && to > from + 1 && block[from + 1] !== POINT) return false;
  let points = 0;
  for (let i = from; i < to; i += 1) {
    const byte = block[i] as number;
    if (byte === POINT && i > from && i < to - 1) points += 1;
    else if (byte < ZERO || byte > NINE) return false;
  }
  return points <= 1;
}

const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
