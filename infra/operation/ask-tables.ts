import type { ParseResult } from 'libpg-query';
import { type Answer, OUT_OF_TIME, type Question, type Refusal } from '../../functions/clients/query.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { loadParser } from '../sql/syntax/parser.ts';
import { offsetOfByte, offsetOfCharacter, type Source, SqlMistake } from '../sql/syntax/source-position.ts';
import type { Target } from './target.ts';

/**
 * Asks a stage's database. Throws a `UserMistake` when the statement is not one question, or when Postgres refuses it;
 * then with Postgres's words and a caret at the place.
 */
export async function askTables(target: Pick<Target, 'ask'>, question: Question, signal: AbortSignal): Promise<Answer> {
  const source = { file: 'query', text: question.statement };
  await refuseOthers(source);
  const reply = await target.ask(question, signal);
  if (!('refusal' in reply)) return reply;
  throw new UserMistake(refusalText(reply.refusal, source, question));
}

/**
 * Refuses what is no question, in better words than the server's, which refuses it too. What this parser does not
 * understand may be the syntax of a newer server: the server decides.
 */
async function refuseOthers(source: Source): Promise<void> {
  const { text } = source;
  if (text.trim() === '') throw new UserMistake('the statement is empty: write SELECT … FROM …');
  const parser = await loadParser();
  let parsed: ParseResult;
  try {
    parsed = parser.parseSync(text);
  } catch {
    return;
  }
  const [first, second] = parsed.stmts ?? [];
  const refuse = (problem: string, offset: number): never => {
    throw new UserMistake(new SqlMistake('invalid', { source, offset, problem }).message);
  };
  if (second !== undefined) {
    const from = offsetOfByte(text, second.stmt_location ?? 0);
    refuse('there is more than one statement: ask one question at a time', from + leadingSpaces(text.slice(from)));
  }
  const stmt = first?.stmt;
  if (stmt !== undefined && ('SelectStmt' in stmt || 'ExplainStmt' in stmt)) return;
  const offset = leadingSpaces(text);
  const word = /^\w+/.exec(text.slice(offset))?.[0].toUpperCase() ?? 'another statement';
  refuse(`a query reads and changes nothing: use SELECT, VALUES, TABLE or EXPLAIN, not ${word}`, offset);
}

function leadingSpaces(text: string): number {
  return text.length - text.trimStart().length;
}

const UNDEFINED_TABLE = '42P01';
const NO_RIGHT = '42501';

function refusalText({ message, code, position, detail, hint }: Refusal, source: Source, question: Question): string {
  if (code === OUT_OF_TIME)
    return `the statement had no row after ${question.mostMillis / 1_000} s, and was ended (${message}): ask for less, or allow more with --timeout (at most 300)`;
  const hints = [detail, hint, adviceFor({ code, message }, question)].filter((text) => text !== undefined);
  if (position !== undefined) {
    const offset = offsetOfCharacter(source.text, position - 1);
    return new SqlMistake('invalid', {
      source,
      offset,
      problem: [message, ...hints.map((text) => `  ${text}`)].join('\n'),
    }).message;
  }
  return [message, ...hints.map((text) => `  ${text}`)].join('\n');
}

function adviceFor({ code, message }: Pick<Refusal, 'code' | 'message'>, { schema }: Question): string | undefined {
  if (code === UNDEFINED_TABLE)
    return `hint: a table of pipeline '${schema}' appears when its step first runs; other schemas need their names`;
  if (code === NO_RIGHT) {
    const [, table = '…'] = /^permission denied for (?:table|view) (.+)$/.exec(message) ?? [];
    return `hint: queries run as millrace_reader, which sees the tables of table steps; whoever owns another one lets it in: GRANT SELECT ON ${table} TO millrace_reader`;
  }
  return undefined;
}
