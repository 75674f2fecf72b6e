import { UserMistake } from '../../../../functions/runtime/errors.ts';
import type { Column } from '../../plan/sql-type.ts';
import { cellColumn, inferCellColumns, unmarked } from './cells.ts';
import type { InputReader, Reject } from './input-reader.ts';
import { csvLines, type SelectedCell } from './lines.ts';
import type { CsvVisitor } from './records.ts';
import { LINE_BREAK, readRecords, startPosition, textEnd } from './records.ts';
import { utf8Of } from './text.ts';

/** Reads CSV as lines of JSON. The header names the columns; a schema or a sample gives their types. */
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
      const { all, header, sample, isEnough } = await readSample(next);
      sampled = all;
      if (isEnough) return inferCellColumns(header, sample);
      // No record fits the header, but there may be records to reject.
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
  const rejected: { line: number; reason: string }[] = [];
  const rejectLine = (line: number, reason: string): void => {
    rejected.push({ line, reason });
  };
  let lines: ReturnType<typeof csvLines> | undefined;
  const visitor = withHeader((header) => {
    lines = csvLines(selectedCells(header, read), rejectLine);
    return lines;
  }, rejectLine);
  const position = startPosition();
  let rest: Buffer = Buffer.alloc(0);
  for (let isLast = false; !isLast; ) {
    const chunk = await next();
    isLast = chunk === undefined;
    const block = chunk === undefined ? rest : rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    rest = block.subarray(readRecords(block, { position, isLast }, visitor));
    await reject(rejected.splice(0));
    const { text, lineNumbers } = lines?.take() ?? NOTHING;
    if (text.length > 0) yield { text, lineNumbers };
  }
}

const NOTHING = { text: Buffer.alloc(0), lineNumbers: [] };

/** Returns the columns to read, by cell. If several columns have one name, the last counts, as with keys in JSON. */
function selectedCells(header: readonly string[], read: readonly Column[]): readonly SelectedCell[] {
  return header.map((name, i): SelectedCell => {
    const column = read.find((each) => each.name === name);
    return column === undefined || header.lastIndexOf(name) !== i ? undefined : { ...cellColumn(column), name };
  });
}

/**
 * If no record in this many bytes fits the header, the sample ends and every column may hold any type. Reading the
 * records rejects them.
 */
const SAMPLED_BYTES = 1 << 22;

/** Reads until there is a record to infer columns from, or until the end. */
async function readSample(
  next: () => Promise<Buffer | undefined>,
): Promise<Sample & { readonly all: Buffer; readonly isEnough: boolean }> {
  const read: Buffer[] = [];
  for (let length = 0, looked = 0; ; ) {
    const chunk = await next();
    if (chunk !== undefined) read.push(chunk);
    length += chunk?.length ?? 0;
    // Doubles the length each time: a file in which no record fits the header would be parsed once per chunk otherwise.
    if (chunk !== undefined && length < 2 * looked) continue;
    looked = length;
    const all = Buffer.concat(read);
    const found = sampleOf(all, chunk === undefined);
    const isEnough = found.sample.length > 0 || (found.header.length > 0 && length >= SAMPLED_BYTES);
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
  const visitor = withHeader(
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
        rejected: () => undefined,
      };
    },
    () => undefined,
  );
  readRecords(block, { position: startPosition(), isLast }, visitor);
  return found;
}

/**
 * Takes the first record as the header and passes the others to the visitor made for it. Throws if the header cannot be
 * read, because without it the other records have no meaning.
 */
function withHeader(
  visitorOf: (header: readonly string[]) => CsvVisitor,
  rejected: CsvVisitor['rejected'],
): CsvVisitor {
  let visitor: CsvVisitor | undefined;
  return {
    rejected(line, reason) {
      if (visitor === undefined) throw Object.assign(new UserMistake(`the header cannot be read: ${reason}`), { line });
      rejected(line, reason);
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

/** Returns the cells of a line without quotes (undefined for a blank line) and the start of the next line. */
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
