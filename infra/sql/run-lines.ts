import { EventRefused } from '../../functions/runtime/errors.ts';
import { createWriter, writeByte } from '../../functions/runtime/sql/json-writer.ts';
import { createRow, lineEnd, placeEvent, placeRange, placeText } from '../../functions/runtime/sql/row.ts';
import { runPlaced } from '../../functions/runtime/sql/sql-transform.ts';
import type { Plan } from './plan.ts';
import { statementOf } from './run-plan.ts';

export interface LinesResult {
  /** Lines of JSON; a copy, because the next part overwrites the original. */
  readonly output: Buffer;
  /** Lines that were read, blank ones included. */
  readonly count: number;
  readonly rejections: readonly { readonly index: number; readonly reason: string }[];
}

const LINE_BREAK = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Few enough to stay in the processor's cache while they are scanned. */
const PLACED_AT_ONCE = 1 << 18;

/** A file's lines are events without attributes of their own. */
const NO_ATTRIBUTES = { key: '', time: '1970-01-01T00:00:00Z', source: '', id: '', type: '' };

/** Runs a plan on parts of whole lines. */
export function lineRunner(plan: Plan): (part: Buffer) => LinesResult {
  const statement = statementOf(plan);
  const row = createRow(statement.columns);
  const writer = createWriter(1 << 20);
  // One object for all lines: this is the hot path.
  const run = { row, event: NO_ATTRIBUTES, target: { writer, emit: () => writeByte(writer, LINE_BREAK) } };
  let count = 0;
  let rejections: { index: number; reason: string }[] = [];
  const runLine = (): void => {
    const begun = writer.length;
    try {
      runPlaced(statement, run);
    } catch (error) {
      if (!(error instanceof EventRefused)) throw error;
      writer.length = begun;
      rejections.push({ index: count, reason: error.message });
    }
  };
  const runLines = (lines: Buffer): void => {
    const isPlaced = placeText(row, lines);
    for (let from = 0; from < lines.length; ) {
      const to = isPlaced ? Math.min(lineEnd(row, from), lines.length) : endOfLine(lines, from);
      count += 1;
      if (!isBlank(lines, from, to)) {
        if (isPlaced) placeRange(row, from, to);
        else placeEvent(row, lines.subarray(from, to));
        runLine();
      }
      from = to + 1;
    }
  };
  return (part) => {
    writer.length = 0;
    count = 0;
    rejections = [];
    for (let from = 0; from < part.length; ) {
      const to = endOfLines(part, from);
      runLines(part.subarray(from, to));
      from = to;
    }
    return { output: Buffer.from(writer.buffer.subarray(0, writer.length)), count, rejections };
  };
}

/** Where a few lines end, or one long one. */
function endOfLines(part: Buffer, from: number): number {
  const most = from + PLACED_AT_ONCE;
  if (most >= part.length) return part.length;
  const last = part.lastIndexOf(LINE_BREAK, most);
  if (last >= from) return last + 1;
  return Math.min(endOfLine(part, most) + 1, part.length);
}

function endOfLine(part: Buffer, from: number): number {
  const end = part.indexOf(LINE_BREAK, from);
  return end === -1 ? part.length : end;
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  return to === from || (to === from + 1 && bytes[from] === CARRIAGE_RETURN);
}
