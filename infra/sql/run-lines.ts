import { EventRefused } from '../../functions/runtime/errors.ts';
import { createWriter, writeByte } from '../../functions/runtime/sql/json-writer.ts';
import { createRow } from '../../functions/runtime/sql/row.ts';
import { nameSearch } from '../../functions/runtime/sql/row-rest.ts';
import { runStatement } from '../../functions/runtime/sql/sql-transform.ts';
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
const BACKSLASH = 0x5c;

/** A file's lines are events without attributes of their own. */
const NO_ATTRIBUTES = { key: '', time: '1970-01-01T00:00:00Z', source: '', id: '', type: '' };

/** Runs a plan on parts of whole lines. */
export function lineRunner(plan: Plan): (part: Buffer) => LinesResult {
  const statement = statementOf(plan);
  const row = createRow(statement.columns);
  const writer = createWriter(1 << 20);
  const target = { writer, emit: () => writeByte(writer, LINE_BREAK) };
  // One object and one range for all lines: this is the hot path.
  const range: [number, number] = [0, 0];
  const names = statement.columns.slice(0, statement.whereReads ?? 0).map(nameSearch);
  return (bytes) => {
    const early = bytes.includes(BACKSLASH) ? undefined : names;
    const run = { row, event: NO_ATTRIBUTES, bytes, range, target, early };
    writer.length = 0;
    const rejections: { index: number; reason: string }[] = [];
    let count = 0;
    for (let from = 0; from < bytes.length; ) {
      const found = bytes.indexOf(LINE_BREAK, from);
      const to = found === -1 ? bytes.length : found;
      count += 1;
      const begun = writer.length;
      try {
        range[0] = from;
        range[1] = to;
        if (!isBlank(bytes, from, to)) runStatement(statement, run);
      } catch (error) {
        if (!(error instanceof EventRefused)) throw error;
        writer.length = begun;
        rejections.push({ index: count, reason: error.message });
      }
      from = to + 1;
    }
    return { output: Buffer.from(writer.buffer.subarray(0, writer.length)), count, rejections };
  };
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  return to === from || (to === from + 1 && bytes[from] === 0x0d);
}
