import { EventRejected } from '../../../functions/runtime/errors.ts';
import { createWriter, writeByte } from '../../../functions/runtime/sql/json/json-writer.ts';
import { createRow } from '../../../functions/runtime/sql/row/row.ts';
import { createLines, nextLine, startLines } from '../../../functions/runtime/sql/row/row-lines.ts';
import type { Statement } from '../../../functions/runtime/sql/sql-transform.ts';
import { NO_ATTRIBUTES, runLoaded } from '../../../functions/runtime/sql/sql-transform.ts';
import { neededText } from '../emit/statement.ts';
import { statementOf } from '../emit/statement-of.ts';
import type { Plan } from '../plan/plan.ts';

export interface LinesResult {
  /** Lines of JSON, copied because the next part overwrites the writer's buffer. */
  readonly output: Buffer;
  /** The number of lines read, blank lines included. */
  readonly count: number;
  /** Rejected lines, counted from 1. */
  readonly rejections: readonly { readonly index: number; readonly reason: string }[];
  /** The line of each output, counted from 1; only if it was asked for. */
  readonly origins?: readonly number[];
  /** Whether there are as many outputs as LIMIT allows. */
  readonly isDone: boolean;
}

const LINE_BREAK = 0x0a;

/** Bytes that are loaded at a time: few enough to stay in the processor's cache while they are scanned. */
const LOADED_AT_ONCE = 1 << 18;

/**
 * Returns a function that runs a plan, or the statement made of it, on one part of whole lines after another. With
 * `origins`, the result says of which line each output is.
 */
export function lineRunner(
  plan: Plan,
  statement: Statement = statementOf(plan),
  { origins: isAsked = false }: { readonly origins?: boolean } = {},
): (part: Buffer) => LinesResult {
  const row = createRow(statement.columns);
  const writer = createWriter(1 << 20);
  // One object for all lines: this is the hot path.
  let left = plan.limit ?? Number.POSITIVE_INFINITY;
  let emitted = 0;
  let count = 0;
  let origins: number[] = [];
  const emit = (): void => {
    if (left > 0) {
      left -= 1;
      writeByte(writer, LINE_BREAK);
      emitted = writer.length;
      if (isAsked) origins.push(count + lines.count);
    } else writer.length = emitted;
  };
  const run = { row, event: NO_ATTRIBUTES, target: { writer, emit } };
  const test = neededText(plan);
  const needed = test === undefined ? undefined : { column: test.column, text: Buffer.from(test.text) };
  const lines = createLines(row, needed, statement.whereReads ?? 0);
  const runLine = (): string | undefined => {
    const begun = writer.length;
    const leftBefore = left;
    const outputsBefore = origins.length;
    try {
      runLoaded(statement, run);
      return undefined;
    } catch (error) {
      if (!(error instanceof EventRejected)) throw error;
      writer.length = begun;
      left = leftBefore;
      origins.length = outputsBefore;
      return error.message;
    }
  };
  return (part) => {
    writer.length = 0;
    emitted = 0;
    count = 0;
    origins = [];
    const rejections: { index: number; reason: string }[] = [];
    for (let from = 0; from < part.length && left > 0; ) {
      const to = endOfLines(part, from);
      startLines(lines, part.subarray(from, to));
      while (left > 0 && nextLine(lines)) {
        const reason = runLine();
        if (reason !== undefined) rejections.push({ index: count + lines.count, reason });
      }
      count += lines.count;
      from = to;
    }
    const output = Buffer.from(writer.buffer.subarray(0, writer.length));
    return { output, count, rejections, ...(isAsked ? { origins } : {}), isDone: left <= 0 };
  };
}

/** Returns the end of the next lines to load: as many as fit, or one long line. */
function endOfLines(part: Buffer, from: number): number {
  const most = from + LOADED_AT_ONCE;
  if (most >= part.length) return part.length;
  const last = part.lastIndexOf(LINE_BREAK, most);
  const end = last >= from ? last : part.indexOf(LINE_BREAK, most);
  return end === -1 ? part.length : end + 1;
}
