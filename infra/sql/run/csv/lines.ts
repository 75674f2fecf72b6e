import { isUtf8 } from 'node:buffer';
import type { JsonWriter } from '../../../../functions/runtime/sql/json/json-writer.ts';
import { createWriter, reserve } from '../../../../functions/runtime/sql/json/json-writer.ts';
import type { CellColumn } from './cells.ts';
import { cellJson, unmarked } from './cells.ts';
import type { Part } from './input-reader.ts';
import type { CsvVisitor } from './records.ts';
import { LINE_BREAK, textEnd } from './records.ts';

/** A visitor that writes records as lines of JSON, with the selected columns only. */
export interface CsvLines extends CsvVisitor {
  /** Returns the lines written since the last call. */
  readonly take: () => Required<Part>;
}

/** A column to read; undefined for a column that is skipped. */
export type SelectedCell = (CellColumn & { readonly name: string }) | undefined;

export function csvLines(wanted: readonly SelectedCell[], rejected: CsvVisitor['rejected']): CsvLines {
  const writer = createWriter(1 << 20);
  let lines: number[] = [];
  const cells = withKeys(wanted);
  const keep = (begun: number, found: number, line: number): void => {
    if (found === wanted.length) {
      writeText(writer, cells.some((cell) => cell !== undefined) ? '}\n' : '{}\n');
      lines.push(line);
      return;
    }
    writer.length = begun;
    rejected(line, `the record has ${found} cell${found === 1 ? '' : 's'}, but the header has ${wanted.length}`);
  };
  return {
    rejected,
    record(texts, line) {
      const begun = writer.length;
      for (const [i, cell] of cells.entries()) {
        if (cell === undefined) continue;
        writeText(writer, cell.key + cellJson(cell, ...unmarked(texts[i] ?? '')));
      }
      keep(begun, texts.length, line);
    },
    plain(block, { from, to, line: first }) {
      let line = first;
      const clean = isUtf8(block.subarray(from, to));
      for (let at = from; at < to; line += 1) {
        const found = block.indexOf(LINE_BREAK, at);
        const next = found === -1 || found >= to ? to : found + 1;
        const end = textEnd(block, at, next);
        if (end > at) {
          const begun = writer.length;
          keep(begun, writePlain(writer, cells, { block, isUtf8: clean, from: at, to: end }), line);
        }
        at = next;
      }
    },
    take() {
      const taken = { text: writer.buffer.subarray(0, writer.length), lineNumbers: lines };
      writer.length = 0;
      lines = [];
      return taken;
    },
  };
}

interface KeyedCell extends CellColumn {
  /** The text before the value: `{"a":` or `,"b":`. */
  readonly key: string;
  readonly keyBytes: Buffer;
}

function withKeys(wanted: readonly SelectedCell[]): readonly (KeyedCell | undefined)[] {
  let before = '{';
  return wanted.map((cell) => {
    if (cell === undefined) return undefined;
    const key = `${before}${JSON.stringify(cell.name)}:`;
    before = ',';
    return { ...cell, key, keyBytes: Buffer.from(key) };
  });
}

interface Range {
  readonly block: Buffer;
  /** False if the block may contain invalid UTF-8: then texts are decoded, and invalid bytes become U+FFFD. */
  readonly isUtf8: boolean;
  readonly from: number;
  readonly to: number;
}

const COMMA = 0x2c;

/**
 * Writes the cells of a line without quotes and returns their number. Hot path: the bytes of ordinary cells are copied
 * without decoding them.
 */
function writePlain(writer: JsonWriter, cells: readonly (KeyedCell | undefined)[], range: Range): number {
  const { block, from, to } = range;
  let column = 0;
  for (let at = from; ; ) {
    let end = at;
    while (end < to && block[end] !== COMMA) end += 1;
    const cell = cells[column];
    if (cell !== undefined) writeCell(writer, cell, { ...range, from: at, to: end });
    column += 1;
    if (end === to) return column;
    at = end + 1;
  }
}

function writeCell(writer: JsonWriter, cell: KeyedCell, range: Range): void {
  const { block, from, to } = range;
  const { keyBytes, kind } = cell;
  const length = to - from;
  reserve(writer, keyBytes.length + length + 2);
  const { buffer } = writer;
  let at = writer.length;
  for (let i = 0; i < keyBytes.length; i += 1) buffer[at++] = keyBytes[i] as number;
  const isQuoted = kind === 'text' || kind === 'other';
  if (length > 0 && (isQuoted ? range.isUtf8 && isPlainText(range) : kind !== 'boolean' && isPlainNumber(range))) {
    if (isQuoted) buffer[at++] = QUOTE;
    for (let i = from; i < to; i += 1) buffer[at++] = block[i] as number;
    if (isQuoted) buffer[at++] = QUOTE;
    writer.length = at;
    return;
  }
  writer.length = at;
  writeText(writer, cellJson(cell, block.toString('utf8', from, to), false));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isPlainText({ block, from, to }: Range): boolean {
  for (let i = from; i < to; i += 1) {
    const byte = block[i] as number;
    if (byte < 0x20 || byte === BACKSLASH) return false;
  }
  return true;
}

/** Tests for the most common form of a JSON number: digits, with at most one decimal point between them. */
function isPlainNumber({ block, from, to }: Range): boolean {
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

function writeText(writer: JsonWriter, text: string): void {
  reserve(writer, text.length * 3);
  writer.length += writer.buffer.write(text, writer.length);
}
