import type { Node, ScanToken, SelectStmt } from 'libpg-query';
import type { Clause } from './clauses.ts';
import { clausesOf, isWord } from './clauses.ts';
import type { ParsedAsOf, ParsedWithin } from './join-clauses.ts';
import { joinClausesOf } from './join-clauses.ts';
import { loadParser } from './parser.ts';
import type { Source } from './source-position.ts';
import { offsetOfByte, offsetOfCharacter, SqlMistake } from './source-position.ts';
import type { ParsedEmit, ParsedWindow } from './window-clause.ts';
import { windowClausesOf } from './window-clause.ts';

export interface ParsedStatement {
  /** What CREATE STREAM or CREATE TABLE names; undefined for a bare SELECT. */
  readonly target: Target | undefined;
  readonly select: SelectStmt;
  /** The expression of PARTITION BY. */
  readonly partitionBy: Node | undefined;
  /** The expression of TIMESTAMP BY. */
  readonly timestampBy: Node | undefined;
  readonly window: ParsedWindow | undefined;
  readonly emit: ParsedEmit | undefined;
  /** WITHIN of a join. */
  readonly within: ParsedWithin | undefined;
  /** AS OF of a join. */
  readonly asOf: ParsedAsOf | undefined;
  /** Converts a position in the parse tree to an offset in the source text. */
  readonly offsetOf: (location: number | undefined) => number;
}

export interface Target {
  readonly kind: 'stream' | 'table';
  readonly name: string;
  readonly offset: number;
}

/**
 * Parses one statement with Postgres's own parser. The parser does not know CREATE STREAM, WITHIN, AS OF, WINDOW
 * TUMBLING, EMIT, PARTITION BY and TIMESTAMP BY, so they (and CREATE TABLE) are found among Postgres's tokens and
 * replaced by spaces first. All positions remain positions in the source.
 */
export async function parseStatement(source: Source): Promise<ParsedStatement> {
  const parser = await loadParser();
  const all = tokensOf(parser, source);
  rejectKsqlSyntax(source, all);
  const joined = joinClausesOf(source, all);
  const windows = windowClausesOf(source, all);
  const { window, emit } = windows;
  const taken = [...joined.taken, ...windows.taken];
  const tokens = all.filter((token) => !taken.includes(token));
  const create = createdBy(source, tokens);
  const bytes = Buffer.from(source.text, 'utf8');
  for (const { start, end } of taken) bytes.fill(SPACE, start, end);
  const clauses = clausesOf(source, tokens, bytes.length);
  const [first] = clauses;
  const select = parseSelect(parser, source, blankOutside(bytes, create?.end ?? 0, first?.start ?? bytes.length));
  const expressionOf = (name: Clause['name']): Node | undefined => {
    const clause = clauses.find((one) => one.name === name);
    return clause === undefined ? undefined : parseClause(parser, { source, bytes, clause });
  };
  return {
    target: create?.target,
    select,
    partitionBy: expressionOf('PARTITION BY'),
    timestampBy: expressionOf('TIMESTAMP BY'),
    window,
    emit,
    within: joined.within,
    asOf: joined.asOf,
    offsetOf: (location) => offsetOfByte(source.text, location ?? 0),
  };
}

/** Parses a condition (the text that could follow WHERE) on the named stream. Positions are within the condition. */
export async function parseCondition(source: Source, stream: string): Promise<ParsedStatement> {
  const parser = await loadParser();
  if (source.text.trim() === '')
    throw new SqlMistake('invalid', {
      source,
      offset: 0,
      problem: 'the condition is empty',
      hint: "write what would follow WHERE, such as status = 'COMPLETE'",
    });
  const before = `SELECT * FROM "${stream.replaceAll('"', '""')}" WHERE `;
  const [first, second] = parseText(parser, { source, text: before + source.text, before: before.length });
  if (first?.stmt === undefined || !('SelectStmt' in first.stmt) || second !== undefined)
    throw new SqlMistake('invalid', {
      source,
      offset: source.text.indexOf(';'),
      problem: 'a condition must be one expression',
    });
  const beforeBytes = Buffer.byteLength(before);
  return {
    target: undefined,
    select: first.stmt.SelectStmt,
    partitionBy: undefined,
    timestampBy: undefined,
    window: undefined,
    emit: undefined,
    within: undefined,
    asOf: undefined,
    offsetOf: (location) => offsetOfByte(source.text, Math.max((location ?? 0) - beforeBytes, 0)),
  };
}

const SPACE = 0x20;

type Parser = Awaited<ReturnType<typeof loadParser>>;

function tokensOf(parser: Parser, source: Source): readonly ScanToken[] {
  if (source.text.trim() === '')
    throw new SqlMistake('invalid', {
      source,
      offset: 0,
      problem: 'the statement is empty',
      hint: 'write SELECT … FROM <stream>',
    });
  try {
    return parser.scanSync(source.text).tokens.filter((token) => !token.tokenName.endsWith('COMMENT'));
  } catch (error) {
    // For a quote that is never closed, the parser has a better message than the scanner.
    parseText(parser, { source, text: source.text });
    throw fromParser(parser, error, { source });
  }
}

/** Syntax of ksqlDB and MySQL for which Postgres's parser would only report a syntax error. */
const KSQL: readonly (readonly [words: readonly string[], problem: string, hint: string])[] = [
  [
    ['create', 'or', 'replace'],
    'CREATE OR REPLACE is not needed',
    'write CREATE STREAM or CREATE TABLE: deploying replaces the earlier statement',
  ],
  [
    ['if', 'not', 'exists'],
    'IF NOT EXISTS is not needed',
    'write CREATE STREAM <name> AS SELECT …: deploying keeps a stream that exists',
  ],
  [['`'], 'names cannot be quoted with backticks', 'write "name"; a name in lower case needs no quotes'],
];

function rejectKsqlSyntax(source: Source, tokens: readonly ScanToken[]): void {
  for (const [words, problem, hint] of KSQL) {
    const found = tokens.find((_, i) => words.every((word, j) => isWord(tokens[i + j], word)));
    if (found !== undefined)
      throw new SqlMistake('unsupported', { source, offset: offsetOfByte(source.text, found.start), problem, hint });
  }
}

function createdBy(
  source: Source,
  tokens: readonly ScanToken[],
): { readonly target: Target; readonly end: number } | undefined {
  const [create, word, name, as] = tokens;
  if (!isWord(create, 'create')) return undefined;
  const kind = isWord(word, 'table') ? 'table' : 'stream';
  const created = `CREATE ${kind.toUpperCase()}`;
  const at = (token: ScanToken | undefined): number =>
    offsetOfByte(source.text, token?.start ?? Buffer.byteLength(source.text));
  const fail = (token: ScanToken | undefined, problem: string): never => {
    throw new SqlMistake('invalid', {
      source,
      offset: at(token),
      problem,
      hint: `write ${created} <name> AS SELECT …`,
    });
  };
  if (isWord(as, 'with'))
    throw new SqlMistake('unsupported', {
      source,
      offset: at(as),
      problem: `${created} … WITH (…) is not supported`,
      hint:
        kind === 'table'
          ? 'the key of a table is that of GROUP BY or DISTINCT ON; indexes stand in the pipeline'
          : 'set shards, retention and compression of a stream in its pipeline, and the time of its events with TIMESTAMP BY',
    });
  if (kind === 'table' && as?.text === '(')
    throw new SqlMistake('unsupported', {
      source,
      offset: at(as),
      problem: 'CREATE TABLE takes no list of columns',
      hint: 'SELECT names the columns, and GROUP BY or DISTINCT ON the key: write CREATE TABLE <name> AS SELECT …',
    });
  if (!isWord(word, 'stream') && !isWord(word, 'table')) return fail(word, 'expected STREAM or TABLE after CREATE');
  if (
    name === undefined ||
    (isWord(name, 'as') && !isWord(as, 'as')) ||
    !/^(?:"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*)$/u.test(name.text)
  )
    return fail(name, `expected a name after ${created}`);
  if (as === undefined || !isWord(as, 'as')) return fail(as, `expected AS after ${created} ${name.text}`);
  return { target: { kind, name: identifier(name.text), offset: at(name) }, end: as.end };
}

/** Returns a name without its quotes; a name without quotes in lower case, as Postgres folds it (ASCII only). */
function identifier(text: string): string {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"');
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Replaces everything outside a range by spaces, except line breaks. */
function blankOutside(bytes: Buffer, from: number, to: number): string {
  const copy = Buffer.from(bytes);
  for (let i = 0; i < copy.length; i += 1) if ((i < from || i >= to) && copy[i] !== 0x0a) copy[i] = 0x20;
  return copy.toString('utf8');
}

function parseSelect(parser: Parser, source: Source, text: string): SelectStmt {
  if (text.trim() === '')
    throw new SqlMistake('invalid', {
      source,
      offset: source.text.length,
      problem: 'SELECT is missing',
      hint: 'write SELECT … FROM <stream>',
    });
  const statements = parseText(parser, { source, text });
  const [first, second] = statements;
  if (second !== undefined)
    throw new SqlMistake('invalid', {
      source,
      offset: skipSpaces(text, offsetOfByte(text, second.stmt_location ?? 0)),
      problem: 'there is more than one statement',
      hint: 'write one statement per file',
    });
  if (first?.stmt === undefined || !('SelectStmt' in first.stmt)) {
    const offset = text.length - text.trimStart().length;
    throw new SqlMistake('unsupported', {
      source,
      offset,
      problem: 'only SELECT, CREATE STREAM … AS SELECT and CREATE TABLE … AS SELECT are supported',
      hint:
        first?.stmt !== undefined && 'InsertStmt' in first.stmt
          ? 'to add events, let another step write to the stream'
          : undefined,
    });
  }
  return first.stmt.SelectStmt;
}

const skipSpaces = (text: string, from: number): number => from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0);

function parseClause(
  parser: Parser,
  { source, bytes, clause }: { readonly source: Source; readonly bytes: Buffer; readonly clause: Clause },
): Node {
  const { name, expression: start, end } = clause;
  // SELECT overwrites the end of the clause's name, which is longer, so no position changes.
  const blanked = Buffer.from(blankOutside(bytes, start, end), 'utf8');
  blanked.write('SELECT', start - 6);
  const [first] = parseText(parser, { source, text: blanked.toString('utf8').replace(/;\s*$/, '') });
  const select = first?.stmt !== undefined && 'SelectStmt' in first.stmt ? first.stmt.SelectStmt : undefined;
  const [target] = select?.targetList ?? [];
  const value = target !== undefined && 'ResTarget' in target ? target.ResTarget : undefined;
  if (
    value?.val === undefined ||
    value.name !== undefined ||
    Object.keys(select ?? {}).some((part) => !EXPRESSION_PARTS.has(part)) ||
    select?.targetList?.length !== 1
  )
    throw new SqlMistake('invalid', {
      source,
      offset: offsetOfByte(source.text, start),
      problem: `${name} takes one expression, at the end of the statement`,
    });
  return value.val;
}

/** The keys in the parse tree of a SELECT with one expression and nothing else. */
const EXPRESSION_PARTS: ReadonlySet<string> = new Set(['targetList', 'limitOption', 'op']);

interface Parsing {
  readonly source: Source;
  readonly text: string;
  /** The number of characters that were put before the source text. */
  readonly before?: number;
}

function parseText(parser: Parser, { text, ...of }: Parsing) {
  try {
    return parser.parseSync(text).stmts ?? [];
  } catch (error) {
    throw fromParser(parser, error, of);
  }
}

/** Converts an error of Postgres's parser, which counts positions in characters. */
function fromParser(parser: Parser, error: unknown, { source, before = 0 }: Omit<Parsing, 'text'>): unknown {
  if (!(error instanceof parser.SqlError)) return error;
  const index = Math.max((error.sqlDetails?.cursorPosition ?? 0) - before, 0);
  return new SqlMistake('invalid', { source, offset: offsetOfCharacter(source.text, index), problem: error.message });
}
