import { isUtf8 } from 'node:buffer';
import { EventRejected } from '../../runtime/errors.ts';
import { endOfText, LONGEST_ROW_BYTES, type RowFormat, type RowOfBlock, tooLong } from './rows.ts';

/** Parses one JSON value on each line. Lines end with LF or CRLF; lines of white space are skipped. */
export const ndjsonRows: RowFormat<{ readonly json: unknown }> = {
  rowsOf(block) {
    const rows: RowOfBlock<{ readonly json: unknown }>[] = [];
    for (let start = 0; start < block.length; ) {
      const lineFeed = block.indexOf(0x0a, start);
      const next = lineFeed < 0 ? block.length : lineFeed + 1;
      const end = endOfText(block, start, next);
      const content = parsed(block.subarray(start, end));
      if (content !== undefined) rows.push({ start, end, next, content });
      start = next;
    }
    return { rows, consumed: block.length };
  },
};

function parsed(line: Buffer): { readonly json: unknown } | EventRejected | undefined {
  if (line.length > LONGEST_ROW_BYTES) return tooLong();
  if (!isUtf8(line)) return new EventRejected('undecodable', 'the line is not UTF-8');
  const text = line.toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return { json: JSON.parse(text) };
  } catch {
    // Not the parser's message: it quotes the data, and messages may be logged.
    return new EventRejected('undecodable', 'the line is not JSON');
  }
}
