import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { checkStatement } from './check-statement.ts';
import { planFor } from './compile.ts';
import { schemaOf } from './compile-files.ts';
import { explain } from './explain.ts';
import { inferColumns } from './infer-columns.ts';
import type { Plan } from './plan.ts';
import type { InputFile } from './run-input.ts';
import { readLines } from './run-input.ts';
import { lineRunner } from './run-lines.ts';
import type { OutputFormat } from './run-output.ts';
import { printerFor } from './run-output.ts';
import { columnsOfSchema } from './schema-columns.ts';
import { SqlMistake } from './source-position.ts';
import type { Column } from './sql-type.ts';

export interface Streams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

const USAGE = `usage: millrace sql '<statement>' [files…|-] [options]
       millrace sql explain <file.sql>

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
  if (text === 'explain' && names[0] !== undefined) {
    streams.stdout.write(await explainFile(names[0]));
    return 0;
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

/** `millrace sql explain <file>`: a transform's `.sql` file, over the schema that it names. */
async function explainFile(path: string): Promise<string> {
  const source = { file: basename(path), text: await readFile(path, 'utf8') };
  return explain(await planFor(source, await schemaOf(source, dirname(path))));
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
