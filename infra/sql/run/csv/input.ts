import { UserMistake } from '../../../../functions/runtime/errors.ts';
import type { Column } from '../../plan/sql-type.ts';
import { cellColumn, inferCellColumns, unmarked } from './cells.ts';
import type { InputReader, Reject } from './input-reader.ts';
import { csvLines, type WantedCell } from './lines.ts';
import type { CsvVisitor } from './records.ts';
import { firstPlace, LINE_BREAK, readRecords, textEnd } from './records.ts';
import { utf8Of } from './text.ts';

/**
 * Reads CSV as lines of JSON: its header names the columns, which are of the types that a schema, or a sample, gives
 * them.
 */
export function csvReader(chunks: AsyncIterable<Buffer>, reject: Reject): InputReader {
  const bytes = utf8Of(chunks)[Symbol.asyncIterator]();
  let sampled: Buffer = Buffer.alloc(0);
  const next = async (): Promise<Buffer | undefined> => {
    if (sampled.length > 0) {
      const first = sampled;
      sampled = Buffer.alloc(0);
      return first;
    }
    const { value, done } = await bytes.next();
    return done === true ? undefined : value;
  };
  return {
    async columns() {
      const { all, header, sample, isEnough } = await lookAt(next);
      sampled = all;
      if (isEnough) return inferCellColumns(header, sample);
      // There is nothing to infer from, but there may be records to refuse.
      for await (const _ of partsOf(next, [], reject));
      return undefined;
    },
    parts: (read) => partsOf(next, read, reject),
  };
}

async function* partsOf(
  next: () => Promise<Buffer | undefined>,
  read: readonly Column[],
  reject: Reject,
): ReturnType<InputReader['parts']> {
  const refused: { line: number; reason: string }[] = [];
  const refuse = (line: number, reason: string): void => {
    refused.push({ line, reason });
  };
  let lines: ReturnType<typeof csvLines> | undefined;
  const visitor = headed((header) => {
    lines = csvLines(wantedCells(header, read), refuse);
    return lines;
  }, refuse);
  const place = firstPlace();
  let rest: Buffer = Buffer.alloc(0);
  for (let isLast = false; !isLast; ) {
    const chunk = await next();
    isLast = chunk === undefined;
    const block = chunk === undefined ? rest : rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    rest = block.subarray(readRecords(block, { place, isLast }, visitor));
    await reject(refused.splice(0));
    const { text, madeOf } = lines?.take() ?? NOTHING;
    if (text.length > 0) yield { text, madeOf };
  }
}

const NOTHING = { text: Buffer.alloc(0), madeOf: [] };

/** Of columns of one name, the last counts, as of JSON's keys. */
function wantedCells(header: readonly string[], read: readonly Column[]): readonly WantedCell[] {
  return header.map((name, i): WantedCell => {
    const column = read.find((each) => each.name === name);
    return column === undefined || header.lastIndexOf(name) !== i ? undefined : { ...cellColumn(column), name };
  });
}

/**
 * Where none of so many bytes of records fits the header, its columns are of any type: the records are refused as they
 * are read.
 */
const LOOKED_AT = 1 << 22;

/** Reads on until there is something to infer columns from, or the end. */
async function lookAt(
  next: () => Promise<Buffer | undefined>,
): Promise<Sample & { readonly all: Buffer; readonly isEnough: boolean }> {
  const read: Buffer[] = [];
  for (let length = 0, looked = 0; ; ) {
    const chunk = await next();
    if (chunk !== undefined) read.push(chunk);
    length += chunk?.length ?? 0;
    // Twice as much each time, or a file of which nothing fits its header would be parsed once for each chunk.
    if (chunk !== undefined && length < 2 * looked) continue;
    looked = length;
    const all = Buffer.concat(read);
    const found = sampleOf(all, chunk === undefined);
    const isEnough = found.sample.length > 0 || (found.header.length > 0 && length >= LOOKED_AT);
    if (isEnough || chunk === undefined) return { ...found, all, isEnough };
  }
}

interface Sample {
  readonly header: readonly string[];
  readonly sample: readonly (readonly string[])[];
}

const SAMPLED = 1000;

function sampleOf(block: Buffer, isLast: boolean): Sample {
  const found: { header: readonly string[]; sample: (readonly string[])[] } = { header: [], sample: [] };
  const keep = (cells: readonly string[]): void => {
    if (found.sample.length < SAMPLED && cells.length === found.header.length) found.sample.push(cells);
  };
  const visitor = headed(
    (header) => {
      found.header = header;
      return {
        record: keep,
        plain(lines, range) {
          for (let at = range.from; at < range.to && found.sample.length < SAMPLED; ) {
            const { cells, next } = lineAt(lines, at, range.to);
            if (cells !== undefined) keep(cells);
            at = next;
          }
        },
        refused: () => undefined,
      };
    },
    () => undefined,
  );
  readRecords(block, { place: firstPlace(), isLast }, visitor);
  return found;
}

/**
 * Takes the first record as the header, and gives the others to the visitor that is made for it. Without a header they
 * mean nothing.
 */
function headed(visitorOf: (header: readonly string[]) => CsvVisitor, refused: CsvVisitor['refused']): CsvVisitor {
  let visitor: CsvVisitor | undefined;
  return {
    refused(line, reason) {
      if (visitor === undefined) throw Object.assign(new UserMistake(`the header cannot be read: ${reason}`), { line });
      refused(line, reason);
    },
    record(cells, line) {
      if (visitor === undefined) visitor = visitorOf(cells.map((cell) => unmarked(cell)[0]));
      else visitor.record(cells, line);
    },
    plain(block, range) {
      let { from, line } = range;
      for (; visitor === undefined && from < range.to; line += 1) {
        const { cells, next } = lineAt(block, from, range.to);
        if (cells !== undefined) visitor = visitorOf(cells);
        from = next;
      }
      if (from < range.to) visitor?.plain(block, { from, to: range.to, line });
    },
  };
}

/** The cells of a line without quotes, unless it is blank, and where the next one begins. */
function lineAt(
  block: Buffer,
  from: number,
  to: number,
): { readonly cells: readonly string[] | undefined; readonly next: number } {
  const found = block.indexOf(LINE_BREAK, from);
  const next = found === -1 || found >= to ? to : found + 1;
  const end = textEnd(block, from, next);
  return { cells: end === from ? undefined : block.toString('utf8', from, end).split(','), next };
}
