import { EventRejected } from '../../../functions/runtime/errors.ts';
import { createWriter, writeByte } from '../../../functions/runtime/sql/json/json-writer.ts';
import { createRow } from '../../../functions/runtime/sql/row/row.ts';
import { createLines, nextLine, startLines } from '../../../functions/runtime/sql/row/row-lines.ts';
import { runPlaced } from '../../../functions/runtime/sql/sql-transform.ts';
import { neededText } from '../emit/statement.ts';
import { statementOf } from '../emit/statement-of.ts';
import type { Plan } from '../plan/plan.ts';

export interface LinesResult {
  /** Lines of JSON; a copy, because the next part overwrites the original. */
  readonly output: Buffer;
  /** Lines that were read, blank ones included. */
  readonly count: number;
  readonly rejections: readonly { readonly index: number; readonly reason: string }[];
}

const LINE_BREAK = 0x0a;

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
  const test = neededText(plan);
  const needed = test === undefined ? undefined : { column: test.column, text: Buffer.from(test.text) };
  const lines = createLines(row, needed, statement.whereReads ?? 0);
  const runLine = (): string | undefined => {
    const begun = writer.length;
    try {
      runPlaced(statement, run);
      return undefined;
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      writer.length = begun;
      return error.message;
    }
  };
  return (part) => {
    writer.length = 0;
    let count = 0;
    const rejections: { index: number; reason: string }[] = [];
    for (let from = 0; from < part.length; ) {
      const to = endOfLines(part, from);
      startLines(lines, part.subarray(from, to));
      while (nextLine(lines)) {
        const reason = runLine();
        if (reason !== undefined) rejections.push({ index: count + lines.count, reason });
      }
      count += lines.count;
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
  const end = last >= from ? last : part.indexOf(LINE_BREAK, most);
  return end === -1 ? part.length : end + 1;
}
