import { EventRejected } from '../../../functions/runtime/errors.ts';
import { LINE_FEED, SPACE } from '../../../functions/runtime/json/json-bytes.ts';
import { MAX_DEPTH, nestingFault } from '../../../functions/runtime/record-codec/json-scan.ts';
import { type ArrayDamage, type JsonRow, readElements } from '../../../functions/sources/s3-files/json-elements.ts';
import { bytesOf, CARRIAGE_RETURN } from '../../../functions/sources/s3-files/rows.ts';
import type { InputReports, Part } from './csv/input-reader.ts';

/** Reads content that is one JSON array as lines of JSON, one for each element. */
export async function* elementLines(chunks: AsyncIterable<Buffer>, { reject }: InputReports): AsyncGenerator<Part> {
  try {
    const linesOf = openLines();
    for await (const { rows } of readElements(chunks, { offset: 0, line: 1 }, () => undefined)) {
      const faults = rows.map(faultOf);
      await reject(
        rows.flatMap(({ at: { line } }, i) => (faults[i] === undefined ? [] : [{ line, reason: faults[i] }])),
      );
      const good = rows.filter((_, i) => faults[i] === undefined);
      if (good.length === 0) continue;
      yield { text: linesOf(good), lineOf: (index) => good[index]?.at.line ?? 0 };
    }
  } catch (error) {
    if (!(error instanceof EventRejected)) throw error;
    await reject([{ line: (error as ArrayDamage).at.line, reason: error.message }]);
  }
}

/** Returns a function that puts each row on a line of its own, in the same bytes each time. */
function openLines(): (rows: readonly JsonRow[]) => Buffer {
  let lines = Buffer.alloc(0);
  return (rows) => {
    const length = rows.reduce((sum, { start, end }) => sum + end - start + 1, 0);
    if (length > lines.length) lines = Buffer.allocUnsafeSlow(2 * length);
    const text = lines.subarray(0, length);
    let at = 0;
    for (const { block, start, end } of rows) {
      at += block.copy(text, at, start, end);
      text[at++] = SPACE;
    }
    // JSON has line breaks between its tokens only, and there a blank means the same. Some readers of lines end one at
    // a carriage return.
    for (const byte of [LINE_FEED, CARRIAGE_RETURN])
      for (let found = text.indexOf(byte); found >= 0; found = text.indexOf(byte, found)) text[found] = SPACE;
    at = 0;
    for (const { start, end } of rows) {
      at += end - start;
      text[at++] = LINE_FEED;
    }
    return text;
  };
}

function faultOf(row: JsonRow): string | undefined {
  if (row.content instanceof EventRejected) return row.content.message;
  return row.end - row.start > MAX_DEPTH ? nestingFault(bytesOf(row)) : undefined;
}
