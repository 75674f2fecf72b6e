import { chained, failing } from './chunks.ts';
import { CARRIAGE_RETURN, LINE_FEED, type LineBreak, LONGEST_ROW_BYTES } from './rows.ts';

const QUOTE = 0x22;

/**
 * Finds the byte that ends the lines of a CSV file: CR if the first MiB has one outside quotes and no LF there, else
 * LF. Resolves also to all chunks, which a reader that stops early closes. How the content is divided does not matter.
 */
export async function lineBreakOf(
  chunks: AsyncIterable<Buffer>,
): Promise<{ readonly lineBreak: LineBreak; readonly chunks: AsyncIterable<Buffer> }> {
  const rest = chunks[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  const look: Look = { bytes: 0, isQuoted: false, lineBreak: undefined };
  try {
    while (look.bytes < LONGEST_ROW_BYTES && look.lineBreak !== LINE_FEED) {
      const next = await rest.next();
      if (next.done) break;
      head.push(next.value);
      lookInto(next.value, look);
    }
  } catch (error) {
    // What was read before the damage has rows: they come before the error.
    return { lineBreak: look.lineBreak ?? LINE_FEED, chunks: chained(head, failing(error)) };
  }
  return { lineBreak: look.lineBreak ?? LINE_FEED, chunks: chained(head, rest) };
}

interface Look {
  bytes: number;
  isQuoted: boolean;
  /** CR may become LF by a later byte. */
  lineBreak: LineBreak | undefined;
}

function lookInto(chunk: Buffer, look: Look): void {
  const end = Math.min(chunk.length, LONGEST_ROW_BYTES - look.bytes);
  for (let at = 0; at < end && look.lineBreak !== LINE_FEED; at += 1) {
    const byte = chunk[at];
    if (byte === QUOTE) look.isQuoted = !look.isQuoted;
    else if (!look.isQuoted && (byte === LINE_FEED || byte === CARRIAGE_RETURN)) look.lineBreak = byte;
  }
  look.bytes += chunk.length;
}
