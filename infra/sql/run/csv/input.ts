import { EventRejected, UserMistake } from '../../../../functions/runtime/errors.ts';
import { after, chained } from '../../../../functions/sources/s3-files/chunks.ts';
import { columnsFound, fieldNames } from '../../../../functions/sources/s3-files/csv-header.ts';
import { lineBreakOf } from '../../../../functions/sources/s3-files/csv-line-break.ts';
import { type LineBreak, type RowPosition, readRows } from '../../../../functions/sources/s3-files/rows.ts';
import type { SampledRecord } from './cells.ts';
import { cellColumn, inferCellColumns } from './cells.ts';
import type { InputReader, InputReports, WantedColumns } from './input-reader.ts';
import { jsonLines, type SelectedCell } from './lines.ts';
import { sampledRows } from './sample.ts';
import { utf8Of } from './text.ts';

/** Reads CSV as lines of JSON. The header names the columns; a schema or a sample gives their types. */
export function csvReader(bytes: AsyncIterable<Buffer>, reports: InputReports): InputReader {
  let opened: Promise<OpenCsv> | undefined;
  const open = (): Promise<OpenCsv> => {
    opened ??= openCsv(bytes);
    return opened;
  };
  return {
    async columns() {
      const csv = await open();
      if (csv.isEnough) return inferCellColumns(csv.header, csv.sample);
      // No record fits the header, but there may be records to reject.
      for await (const _ of partsOf(csv, { all: [], read: [] }, reports));
      return undefined;
    },
    async *parts(wanted) {
      yield* partsOf(await open(), wanted, reports);
    },
  };
}

interface OpenCsv {
  readonly lineBreak: LineBreak;
  /** The names of the columns, without blanks around them. Empty if the file has no header. */
  readonly header: readonly string[];
  readonly sample: readonly SampledRecord[];
  /** Whether columns can be inferred from the sample. */
  readonly isEnough: boolean;
  /** Where the records begin. */
  readonly from: RowPosition;
  readonly chunks: AsyncIterable<Buffer>;
}

const START: RowPosition = { offset: 0, line: 1 };
const SAMPLED = 1000;

/**
 * If no record in this many bytes fits the header, the sample ends and every column may hold any type. Reading the
 * records rejects them.
 */
const SAMPLED_BYTES = 1 << 22;

/**
 * Reads the header, and records until there is one to infer columns from, or until the end. Throws if the header cannot
 * be read, because without it the records have no meaning.
 */
async function openCsv(bytes: AsyncIterable<Buffer>): Promise<OpenCsv> {
  const { lineBreak, chunks } = await lineBreakOf(utf8Of(bytes));
  const rest = chunks[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  async function* readAhead(): AsyncGenerator<Buffer> {
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      head.push(next.value);
      yield next.value;
    }
  }
  let header: readonly string[] = [];
  let from = START;
  let isEnough = false;
  const sample: SampledRecord[] = [];
  for await (const { rows, next } of readRows(readAhead(), sampledRows(lineBreak), START)) {
    for (const { at, content, next: after } of rows) {
      if (header.length === 0) {
        if (content instanceof EventRejected)
          throw Object.assign(new UserMistake(`the header cannot be read: ${reasonOf(content)}`), { line: at.line });
        header = content.map(({ text }) => text.trim());
        from = after;
      } else if (!(content instanceof EventRejected) && content.length === header.length && sample.length < SAMPLED)
        sample.push({ line: at.line, cells: content });
    }
    isEnough = sample.length > 0 || (header.length > 0 && next.offset >= SAMPLED_BYTES);
    if (isEnough) break;
  }
  return { lineBreak, header, sample, isEnough, from, chunks: after(chained(head, rest), from.offset) };
}

const reasonOf = ({ reason, message }: EventRejected): string =>
  reason === 'too-large' ? 'the line is longer than 1 MiB: split it' : message;

async function* partsOf(
  { lineBreak, header, from, chunks }: OpenCsv,
  wanted: WantedColumns,
  { reject, note }: InputReports,
): ReturnType<InputReader['parts']> {
  if (header.length === 0) return;
  const names = fieldNames(
    wanted.all.map(({ name }) => name),
    header,
  );
  const missing = missingFrom(names, wanted, header);
  if (missing !== undefined) await note(missing);
  const format = jsonLines(lineBreak, selectedCells(names, wanted));
  for await (const { rows } of readRows(chunks, format, from)) {
    let rejected: { line: number; reason: string }[] = [];
    for (const { at, content } of rows) {
      if (content instanceof EventRejected) {
        rejected.push({ line: at.line, reason: reasonOf(content) });
        continue;
      }
      await reject(rejected);
      rejected = [];
      const { text, lines } = content;
      yield { text, lineOf: (index) => at.line + (lines[index] ?? 0) };
    }
    await reject(rejected);
  }
}

/** Returns the columns to read, by cell. If several columns have one name, the last counts, as with keys in JSON. */
function selectedCells(names: readonly string[], { read }: WantedColumns): readonly SelectedCell[] {
  return names.map((name, i): SelectedCell => {
    const column = read.find((each) => each.name === name);
    return column === undefined || names.lastIndexOf(name) !== i ? undefined : { ...cellColumn(column), name };
  });
}

/**
 * Returns what to say about columns that the statement reads and the header lacks. Throws if one of them cannot be
 * null: each record would be rejected.
 */
function missingFrom(names: readonly string[], { read }: WantedColumns, header: readonly string[]): string | undefined {
  const missing = read.filter(({ name }) => !names.includes(name));
  const list = missing.map(({ name }) => `'${name}'`).join(', ');
  const required = missing.find(({ nullable }) => !nullable);
  if (required !== undefined)
    throw new UserMistake(
      `the header has no column '${required.name}', which the schema requires; its columns are ${columnsFound(header)}`,
    );
  if (missing.length === 0) return undefined;
  return `the header has no column ${list}, so it is null in every line; its columns are ${columnsFound(header)}`;
}
