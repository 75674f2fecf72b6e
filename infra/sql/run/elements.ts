import { EventRejected } from '../../../functions/runtime/errors.ts';
import { onOneLine } from '../../../functions/runtime/json/json-bytes.ts';
import { nestingFault } from '../../../functions/runtime/record-codec/json-scan.ts';
import { type ArrayDamage, type JsonRow, readElements } from '../../../functions/sources/s3-files/json-elements.ts';
import type { InputReports, Part } from './csv/input-reader.ts';

/** Reads content that is one JSON array as lines of JSON, one for each element. */
export async function* elementLines(chunks: AsyncIterable<Buffer>, { reject }: InputReports): AsyncGenerator<Part> {
  try {
    for await (const { rows } of readElements(chunks, { offset: 0, line: 1 })) {
      const faults = rows.map(faultOf);
      await reject(
        rows.flatMap(({ at: { line } }, i) => (faults[i] === undefined ? [] : [{ line, reason: faults[i] }])),
      );
      const good = rows.filter((_, i) => faults[i] === undefined);
      if (good.length === 0) continue;
      const text = Buffer.concat(good.flatMap(({ block }) => [onOneLine(block), LINE_BREAK]));
      yield { text, lineOf: (index) => good[index]?.at.line ?? 0 };
    }
  } catch (error) {
    if (!(error instanceof EventRejected)) throw error;
    await reject([{ line: (error as ArrayDamage).at.line, reason: error.message }]);
  }
}

const LINE_BREAK = Buffer.from('\n');

function faultOf({ content, block }: JsonRow): string | undefined {
  return content instanceof EventRejected ? content.message : nestingFault(block);
}
