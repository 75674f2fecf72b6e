import { once } from 'node:events';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { EventRefused } from '../../functions/runtime/errors.ts';
import { createWriter, writeByte } from '../../functions/runtime/sql/json-writer.ts';
import { createRow } from '../../functions/runtime/sql/row.ts';
import { nameSearch } from '../../functions/runtime/sql/row-rest.ts';
import { runStatement } from '../../functions/runtime/sql/sql-transform.ts';
import { checkStatement } from './check-statement.ts';
import { explain } from './explain.ts';
import { inferColumns } from './infer-columns.ts';
import type { Plan } from './plan.ts';
import type { InputFile } from './run-input.ts';
import { readLines } from './run-input.ts';
import type { OutputFormat } from './run-output.ts';
import { printerFor } from './run-output.ts';
import { statementOf } from './run-plan.ts';
import { columnsOfSchema } from './schema-columns.ts';
import { SqlMistake } from './source-position.ts';
import type { Column } from './sql-type.ts';

export interface Streams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

const USAGE = `usage: millrace sql '<statement>' [files…|-] [options]

Runs a SELECT over lines of JSON or CSV (a file that ends in .csv), from files or standard input, to standard output.
FROM may name the input as you like.

  --schema file.ts#export   the zod schema of the events; without it, columns are inferred from the first lines
  --input ndjson|csv        what the input is, when its name does not say
  --format ndjson|csv|table what to print (ndjson)
  --explain                 print the plan instead of running it

Exit code: 0 done, 1 some events were rejected (each is named on standard error), 2 the statement or an argument is wrong.
`;

const Arguments = z.object({
  schema: z.string().optional(),
  input: z.enum(['ndjson', 'csv']).optional(),
  format: z.enum(['ndjson', 'csv', 'table']).default('ndjson'),
  explain: z.boolean().default(false),
  help: z.boolean().default(false),
});

/** `millrace sql`. Gives its exit code. */
export async function runSqlCommand(argv: readonly string[], streams: Streams): Promise<number> {
  try {
    return await runArguments(argv, streams);
  } catch (error) {
    if (isClosedPipe(error)) return 0;
    if (!(error instanceof SqlMistake) && !isArgumentMistake(error)) throw error;
    streams.stderr.write(`${error instanceof z.core.$ZodError ? z.prettifyError(error) : (error as Error).message}\n`);
    return 2;
  }
}

/** Whoever reads our output has enough of it, such as `head`. */
const isClosedPipe = (error: unknown): boolean =>
  codeOf(error) === 'EPIPE' || codeOf(error) === 'ERR_STREAM_PREMATURE_CLOSE';
const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

function isArgumentMistake(error: unknown): boolean {
  return (
    error instanceof z.core.$ZodError ||
    error instanceof ArgumentMistake ||
    /^ERR_PARSE_ARGS|^ENOENT|^EISDIR|^EACCES/.test(codeOf(error))
  );
}

class ArgumentMistake extends Error {}

async function runArguments(argv: readonly string[], streams: Streams): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      schema: { type: 'string' },
      input: { type: 'string' },
      format: { type: 'string' },
      explain: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const options = Arguments.parse(values);
  const [text, ...names] = positionals;
  if (options.help || text === undefined) {
    (options.help ? streams.stdout : streams.stderr).write(USAGE);
    return options.help ? 0 : 2;
  }
  const files = (names.length === 0 ? ['-'] : names).map(
    (name): InputFile => ({ name, format: options.input ?? (name.endsWith('.csv') ? 'csv' : 'ndjson') }),
  );
  const input = files.map((file) => ({ file, parts: readLines(file, streams.stdin) }));
  const { columns, first } = await columnsFor(options.schema, input[0]?.parts);
  const plan = await checkStatement({ file: 'statement', text }, { columns });
  if (options.explain) {
    streams.stdout.write(explain(plan));
    return 0;
  }
  return runPlan(plan, { input, first, format: options.format, streams });
}

/** The columns, and the part of the input that had to be read to learn them. */
async function columnsFor(
  schema: string | undefined,
  parts: AsyncGenerator<Buffer> | undefined,
): Promise<{ columns: readonly Column[]; first: Buffer | undefined }> {
  if (schema !== undefined) return { columns: await columnsOfExport(schema), first: undefined };
  const next = await parts?.next();
  const first = next?.done === true ? undefined : next?.value;
  return { columns: inferColumns(sampleOf(first)), first };
}

const SAMPLED = 1000;

function sampleOf(part: Buffer | undefined): readonly Record<string, unknown>[] {
  const lines = part?.toString('utf8', 0, 4 << 20).split('\n', SAMPLED) ?? [];
  return lines.flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? [value as Record<string, unknown>]
        : [];
    } catch {
      // A line that is no JSON is rejected when it is run, with its number.
      return [];
    }
  });
}

async function columnsOfExport(reference: string): Promise<readonly Column[]> {
  const [file, name] = reference.split('#');
  if (file === undefined || name === undefined || name === '')
    throw new ArgumentMistake(`--schema ${reference}: write file.ts#export`);
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  const schema = module[name];
  if (!(schema instanceof z.ZodType))
    throw new ArgumentMistake(`--schema ${reference}: ${file} exports no zod schema named ${name}`);
  const columns = columnsOfSchema(schema);
  if (columns === undefined) throw new ArgumentMistake(`--schema ${reference}: the schema is not an object`);
  return columns;
}

interface Run {
  readonly input: readonly { readonly file: InputFile; readonly parts: AsyncGenerator<Buffer> }[];
  readonly first: Buffer | undefined;
  readonly format: OutputFormat;
  readonly streams: Streams;
}

async function runPlan(plan: Plan, { input, first, format, streams }: Run): Promise<number> {
  const printer = printerFor(format, plan.outputs);
  const lines = lineRunner(plan);
  let rejected = 0;
  let waiting = first;
  for (const { file, parts } of input) {
    let line = 0;
    for (;;) {
      const part = waiting ?? (await nextOf(parts));
      waiting = undefined;
      if (part === undefined) break;
      const result = lines(part);
      for (const { index, reason } of result.rejections)
        streams.stderr.write(`${file.name}:${line + index}: ${reason}\n`);
      rejected += result.rejections.length;
      line += result.count;
      await write(streams.stdout, printer.print(result.output));
    }
  }
  await write(streams.stdout, printer.end());
  return rejected === 0 ? 0 : 1;
}

async function nextOf(parts: AsyncGenerator<Buffer>): Promise<Buffer | undefined> {
  const next = await parts.next();
  return next.done === true ? undefined : next.value;
}

async function write(stdout: NodeJS.WritableStream, output: string | Buffer): Promise<void> {
  if (output.length > 0 && !stdout.write(output)) await once(stdout, 'drain');
}

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
