import pg from 'pg';
import { z } from 'zod';
import { UserMistake } from '../runtime/errors.ts';
import { openDatabase, socketOf } from './postgres.ts';
import type { PostgresServer } from './postgres-login.ts';

/** The role that reads tables for operators. It owns nothing, and may read only what is granted to it. */
export const READER = 'millrace_reader';

/** A question of an operator to a database. */
export const Question = z.lazy(() =>
  z.strictObject({
    /** The schema whose tables need no qualified name. */
    schema: z.string().min(1).max(63),
    /** A SELECT, VALUES, TABLE or EXPLAIN. */
    statement: z.string().min(1).max(100_000),
    mostRows: z.int().min(1).max(100_000),
    mostMillis: z.int().min(1).max(300_000),
  }),
);
export type Question = z.infer<typeof Question>;

/** Why Postgres refuses a statement, in its own words. */
const Refusal = z.lazy(() =>
  z.strictObject({
    message: z.string(),
    /** The SQLSTATE. */
    code: z.string(),
    /** The character of the statement that the message is about, from 1. */
    position: z.int().optional(),
    detail: z.string().optional(),
    hint: z.string().optional(),
  }),
);
export type Refusal = z.infer<typeof Refusal>;

const Answer = z.lazy(() =>
  z.strictObject({
    /** The columns, with the oids of their types. */
    columns: z.array(z.strictObject({ name: z.string(), type: z.int() })),
    /** The values as Postgres writes them. */
    rows: z.array(z.array(z.string().nullable())),
    /** What ended the answer before its last row. */
    cut: z.enum(['rows', 'bytes', 'time']).optional(),
  }),
);
export type Answer = z.infer<typeof Answer>;

export const Reply = z.lazy(() => z.union([z.strictObject({ refusal: Refusal }), Answer]));
export type Reply = z.infer<typeof Reply>;

/** An answer's rows have at most so many bytes as JSON: Lambda allows 6 MB for a reply. */
export const MOST_BYTES = 4 * 1024 ** 2;

/** The bytes of one portion of rows that may be in memory. */
const MOST_PORTION_BYTES = 32 * 1024 ** 2;

/** How long a database may take to connect, and to end a statement whose time is over. */
const GRACE_MILLIS = 15_000;

/**
 * Asks a database one question, on a connection of its own: nothing that a statement sets outlives the connection.
 *
 * The statement can write nothing: its transaction is read-only and never committed, it is the SELECT of a cursor (or
 * an EXPLAIN), and it is alone, because the server's parser refuses a second one. `server` should log in as a role that
 * may do nothing but read, since functions called by a SELECT do what the role may do.
 */
export async function askDatabase(server: PostgresServer, question: Question, signal: AbortSignal): Promise<Reply> {
  if (question.statement.includes('\u0000'))
    throw new UserMistake('the statement has a character of code 0: remove it');
  const database = openDatabase(server, 'query');
  const tooLarge = new AbortController();
  const late = AbortSignal.timeout(question.mostMillis + GRACE_MILLIS);
  try {
    return await database.use(AbortSignal.any([signal, late, tooLarge.signal]), (client) =>
      ask(client, question, tooLarge),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof UserMistake ? error : unanswered(server, error as Error);
  } finally {
    await database.close();
  }
}

async function ask(client: pg.ClientBase, question: Question, tooLarge: AbortController): Promise<Reply> {
  const { schema, statement } = question;
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL search_path = ${pg.escapeIdentifier(schema)}, public`);
  const until = performance.now() + question.mostMillis;
  const [explain = ''] = EXPLAIN.exec(statement) ?? [];
  try {
    const first = await timed(client, explain + CURSOR + statement.slice(explain.length), until);
    return explain === '' ? await fetchRows(client, { question, until, tooLarge }) : explained(first);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { refusal: refusalOf(error, explain.length) };
  }
}

/** EXPLAIN with its options. */
const EXPLAIN = /^\s*explain\b\s*(?:\([\w\s,]*\)\s*|(?:analy[sz]e\b\s*)?(?:verbose\b\s*)?)/i;

/**
 * Only a SELECT, VALUES or TABLE may follow, without a part that writes. EXPLAIN takes it too: otherwise it would run
 * CREATE TABLE AS, even in a read-only transaction.
 */
const CURSOR = 'DECLARE millrace_query NO SCROLL CURSOR FOR ';

type Rows = pg.QueryArrayResult<(string | null)[]>;

/**
 * Runs one statement. The limit of time is set anew before each, because a function in a statement may change it for
 * those after it.
 */
async function timed(client: pg.ClientBase, text: string, until: number): Promise<Rows> {
  const left = Math.max(1, Math.ceil(until - performance.now()));
  await client.query(`SET LOCAL statement_timeout = ${left}`);
  // With the extended protocol the server refuses a text with more than one statement.
  const query = { text, queryMode: 'extended', rowMode: 'array', types: AS_WRITTEN } as const;
  return client.query<(string | null)[]>(query as pg.QueryArrayConfig);
}

/** Leaves every value as Postgres writes it. */
const AS_WRITTEN = { getTypeParser: () => (text: string) => text };

function explained({ fields, rows }: Rows): Answer {
  return { columns: columnsOf(fields), rows };
}

/** Rows of the first portion: few, because nobody knows yet how large a row is. */
const FIRST_ROWS = 50;
const MOST_ROWS_AT_ONCE = 5_000;
const BYTES_AT_ONCE = 1024 ** 2;

/** Reads the cursor in portions, until its end or a limit. */
async function fetchRows(
  client: pg.ClientBase,
  { question, until, tooLarge }: { question: Question; until: number; tooLarge: AbortController },
): Promise<Answer> {
  const startPortion = watchBytes(client, tooLarge);
  const rows: (string | null)[][] = [];
  let columns: Answer['columns'] = [];
  let bytes = 0;
  for (let size = FIRST_ROWS; ; ) {
    const wanted = Math.min(size, question.mostRows + 1 - rows.length);
    startPortion();
    const page = await timed(client, `FETCH FORWARD ${wanted} FROM millrace_query`, until).catch((error: unknown) => {
      if (rows.length > 0 && isOutOfTime(error)) return undefined;
      throw error;
    });
    if (page === undefined) return { columns, rows, cut: 'time' };
    columns = columnsOf(page.fields);
    for (const row of page.rows) {
      bytes += Buffer.byteLength(JSON.stringify(row));
      if (bytes > MOST_BYTES) return { columns, rows, cut: 'bytes' };
      if (rows.length === question.mostRows) return { columns, rows, cut: 'rows' };
      rows.push(row);
    }
    if (page.rows.length < wanted) return { columns, rows };
    size = Math.max(1, Math.min(MOST_ROWS_AT_ONCE, Math.floor((BYTES_AT_ONCE * rows.length) / bytes)));
  }
}

/**
 * Ends the connection when a portion has more bytes than memory should hold: a value has up to 1 GB. Call the function
 * that it returns before each portion.
 */
function watchBytes(client: pg.ClientBase, tooLarge: AbortController): () => void {
  let received = 0;
  socketOf(client).on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received > MOST_PORTION_BYTES) tooLarge.abort(new UserMistake(TOO_LARGE));
  });
  return () => {
    received = 0;
  };
}

const TOO_LARGE = `the next rows have more than ${MOST_PORTION_BYTES / 1024 ** 2} MiB: select fewer columns, or cut long values (left(…, 1000))`;

function columnsOf(fields: readonly pg.FieldDef[]): Answer['columns'] {
  return fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
}

function isOutOfTime(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === OUT_OF_TIME;
}

export const OUT_OF_TIME = '57014';

/** Describes an error. The cursor's words were put behind so many characters of the statement. */
function refusalOf({ message, code = '', position, detail, hint }: pg.DatabaseError, before: number): Refusal {
  const whole = Number(position ?? 0);
  const at = whole > before ? whole - CURSOR.length : whole;
  return {
    message,
    code,
    ...(at > 0 ? { position: at } : {}),
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  };
}

const REFUSED_LOGINS = ['28000', '28P01', '42501'];

function unanswered({ host, port, user }: PostgresServer, error: Error): UserMistake {
  if (error instanceof pg.DatabaseError && REFUSED_LOGINS.includes(error.code ?? ''))
    return new UserMistake(
      `the database does not let '${user}' in (${error.message}): millrace database init makes this user in the stage's own database; in another one, make it yourself (docs/tables.md#ask-a-table)`,
    );
  return new UserMistake(`the database ${host}:${port} does not answer (${error.message})`);
}
