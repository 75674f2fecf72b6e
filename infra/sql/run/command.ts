import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { cleanedFor, type MaybeTerminal } from '../../terminal.ts';
import { checkStatement } from '../check/statement.ts';
import { planFor } from '../compile.ts';
import { joinInputs, schemaOf } from '../compile-files.ts';
import { planJoin, schemaReferences } from '../compile-join.ts';
import { dataColumnsOf } from '../emit/statement.ts';
import { explain } from '../explain.ts';
import type { Plan } from '../plan/plan.ts';
import type { Column } from '../plan/sql-type.ts';
import { parseStatement } from '../syntax/parse.ts';
import { type Source, SqlMistake } from '../syntax/source-position.ts';
import { columnsOfExport, columnsOfInputs, type FoundColumns, mixedNote } from './columns.ts';
import { startGroups } from './groups.ts';
import { openInput } from './input.ts';
import { columnsByName, type OpenInputs, openInputs, type PlannedRows, rowsFor } from './inputs.ts';
import type { RunInput } from './joined.ts';
import { lineRunner } from './lines.ts';
import type { OutputFormat } from './output.ts';
import { printerFor } from './output.ts';
import { rejectionReport } from './rejections.ts';

export interface Streams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: MaybeTerminal;
  readonly stderr: MaybeTerminal;
}

const Arguments = z.object({
  schema: z.string().optional(),
  input: z.enum(['ndjson', 'csv']).optional(),
  format: z.enum(['ndjson', 'csv', 'table']).default('ndjson'),
  explain: z.boolean().default(false),
});

/** Runs `millrace sql` and returns its exit code. */
export async function runSqlCommand(argv: readonly string[], streams: Streams): Promise<number> {
  try {
    return await runArguments(argv, streams);
  } catch (error) {
    if (isClosedPipe(error)) return 0;
    if (!(error instanceof SqlMistake) && !isArgumentMistake(error)) throw error;
    await write(streams.stderr, `${messageOf(error as Error)}\n`);
    return 2;
  }
}

/** Tests for the error of a pipe whose reader has ended, such as `head`. */
const isClosedPipe = (error: unknown): boolean =>
  codeOf(error) === 'EPIPE' || codeOf(error) === 'ERR_STREAM_PREMATURE_CLOSE';
const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

function isArgumentMistake(error: unknown): boolean {
  return (
    error instanceof z.core.$ZodError ||
    error instanceof UserMistake ||
    /^ERR_PARSE_ARGS|^ENOENT|^EISDIR|^EACCES/.test(codeOf(error))
  );
}

function messageOf(error: NodeJS.ErrnoException): string {
  if (error instanceof z.core.$ZodError)
    return error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n');
  return error.path === undefined ? error.message : `${error.path}: ${REASONS[error.code ?? ''] ?? error.message}`;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EISDIR: 'is a folder, not a file',
  EACCES: 'permission denied',
};

async function runArguments(argv: readonly string[], streams: Streams): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      schema: { type: 'string' },
      input: { type: 'string' },
      format: { type: 'string' },
      explain: { type: 'boolean' },
    },
  });
  const options = Arguments.parse(values);
  const [text, ...names] = positionals;
  if (text === undefined) throw new UserMistake('no statement given; see millrace sql --help');
  if (text === 'explain') {
    if (names[0] === undefined) throw new UserMistake('no file given; write millrace sql explain <file.sql>');
    await write(streams.stdout, await explainFile(names[0]));
    return 0;
  }
  const say = (text: string): Promise<void> => write(streams.stderr, text);
  const report = rejectionReport(say);
  const open = (name: string): RunInput => {
    const format = options.input ?? (/\.csv$/i.test(name) ? 'csv' : 'ndjson');
    const reject = report.rejectOf(name);
    const note = (note: string): Promise<void> => say(`${name}: ${note}\n`);
    return { ...openInput({ name, format }, streams.stdin, { reject, note }), reject };
  };
  const inputs = openInputs(names, open);
  const source = { file: 'statement', text };
  const plan = await planOver(source, inputs, { schema: options.schema, say });
  if (plan !== undefined && options.explain) await write(streams.stdout, explain(plan, { ofFiles: true }));
  const isRun = plan !== undefined && !options.explain;
  const run = { format: options.format, stdout: streams.stdout, say };
  const failed = isRun ? await runPlan(rowsFor(plan, inputs), run) : 0;
  await report.end(options.schema === undefined);
  return report.count() + failed === 0 ? 0 : 1;
}

/** Finds the columns of the inputs, and checks the statement over them. */
async function planOver(
  source: Source,
  inputs: OpenInputs,
  { schema, say }: { readonly schema: string | undefined; readonly say: (text: string) => Promise<void> },
): Promise<Plan | undefined> {
  if ('byName' in inputs) {
    const found = await columnsByName(inputs.byName, schema);
    return checkedPlan(source, { columns: [], ...found }, say);
  }
  const found: FoundColumns | undefined =
    schema === undefined ? await columnsOfInputs(inputs.all) : { columns: await columnsOfExport(schema), mixed: [] };
  return found === undefined ? await planOfNothing(source) : await checkedPlan(source, found, say);
}

/**
 * Checks a statement over no line at all, so that a syntax error is still an error. The columns are then unknown: only
 * an aggregate of no column has an output, such as `SELECT count(*) FROM input`.
 */
async function planOfNothing(source: Source): Promise<Plan | undefined> {
  await parseStatement(source);
  try {
    const plan = await checkStatement(source, { columns: [], ofFiles: true });
    return plan.grouping === undefined ? undefined : plan;
  } catch (error) {
    if (error instanceof SqlMistake) return undefined;
    throw error;
  }
}

/**
 * Checks the statement. Says which of its columns are text because of a line behind the first ones; when the statement
 * is wrong, all columns whose type such a line has changed, because that may be why.
 */
async function checkedPlan(
  source: Source,
  { columns, mixed, inputs }: FoundColumns & { readonly inputs?: ReadonlyMap<string, readonly Column[]> },
  say: (text: string) => Promise<void>,
): Promise<Plan> {
  const notes = (of: FoundColumns['mixed']): Promise<void> => say(of.map((each) => `${mixedNote(each)}\n`).join(''));
  try {
    const plan = await checkStatement(source, {
      columns,
      ofFiles: true,
      ...(inputs === undefined ? {} : { inputs }),
    });
    const read = new Set(dataColumnsOf(plan).map(({ name }) => name));
    await notes(mixed.filter(({ name, type, first }) => read.has(name) && type === 'text' && first !== 'text'));
    return plan;
  } catch (error) {
    if (error instanceof SqlMistake) await notes(mixed.filter(({ name }) => source.text.includes(name)));
    throw error;
  }
}

/** Explains the `.sql` file of a transform or a table, with the schema that its first line names. */
async function explainFile(path: string): Promise<string> {
  const source = { file: basename(path), text: await readFile(path, 'utf8') };
  if (schemaReferences(source).size > 0) {
    const inputs = await joinInputs(source, dirname(path));
    return explain(await planJoin(source, new Map([...inputs].map(([name, { schema }]) => [name, schema]))));
  }
  const { target } = await parseStatement(source);
  return explain(await planFor(source, await schemaOf(source, dirname(path)), { makes: target?.kind ?? 'stream' }));
}

interface PlanRun {
  readonly format: OutputFormat;
  readonly stdout: MaybeTerminal;
  readonly say: (text: string) => Promise<void>;
}

/** Runs a plan over its rows. Returns the number of groups for which an expression fails. */
async function runPlan({ plan, rows }: PlannedRows, { format, stdout, say }: PlanRun): Promise<number> {
  const printer = printerFor(format, plan.outputs);
  const groups = plan.grouping === undefined ? undefined : startGroups(plan);
  const run = groups?.add ?? lineRunner(plan);
  if (plan.limit !== 0)
    for await (const { text, reject, counted } of rows) {
      const { output, count, rejections, isDone } = run(text);
      counted(count);
      await reject(rejections);
      await write(stdout, printer.print(output));
      if (isDone) break;
    }
  const failed: string[] = [];
  for (const part of groups?.outputs((reason) => failed.push(reason)) ?? []) await write(stdout, printer.print(part));
  await write(stdout, printer.end());
  await say(failedText(failed));
  return failed.length;
}

/** So many groups that fail are printed one by one. */
const PRINTED = 10;

function failedText(failed: readonly string[]): string {
  const lines = failed.slice(0, PRINTED);
  if (failed.length > PRINTED) lines.push(`${failed.length} groups failed; the first ${PRINTED} are above`);
  return lines.map((line) => `${line}\n`).join('');
}

async function write(stream: MaybeTerminal, output: string | Buffer): Promise<void> {
  if (output.length > 0 && !stream.write(cleanedFor(stream, output))) await once(stream, 'drain');
}
