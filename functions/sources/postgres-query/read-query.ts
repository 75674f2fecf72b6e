import pg from 'pg';
import { connectPostgres } from '../../clients/postgres.ts';
import type { PostgresServer } from '../../clients/postgres-login.ts';
import { TEXT_SETTINGS } from '../../clients/postgres-types.ts';
import { UserMistake } from '../../runtime/errors.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';
import type { PulledPage, PullTurn } from '../../runtime/source.ts';
import { columnsOf, dataExpression } from './columns.ts';
import { explained } from './explained.ts';
import { pagesOfCursor } from './pages.ts';
import { placeOfValue, type QueryPosition } from './position.ts';
import { eventsOf, type RowsShape } from './rows.ts';

export interface QueryReader {
  readonly server: PostgresServer;
  readonly step: string;
  readonly query: string;
  /** A column of the result with whole numbers that no two rows share. */
  readonly incrementing: string;
  readonly schema: WireSchema;
  readonly shape: RowsShape;
}

const WHOLE = ['smallint', 'integer', 'bigint'];

/**
 * Reads the rows of a query whose number is higher than the last one. A row that appears with a lower number, because
 * its transaction committed late, is never read.
 */
export async function* readQuery(
  reader: QueryReader,
  from: QueryPosition | undefined,
  turn: PullTurn,
): AsyncGenerator<PulledPage<QueryPosition>> {
  const { server, step, shape } = reader;
  const connection = await connectPostgres(server, step, turn.signal);
  const { client } = connection;
  try {
    await client.query(TEXT_SETTINGS);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const statement = await statementOf(client, reader, from?.after);
    const { rows } = await client.query<{ at: string }>(
      `SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at`,
    );
    const at = from?.at ?? rows[0]?.at ?? '';
    let position: QueryPosition = from ?? {};
    for await (const page of pagesOfCursor(client, statement, { most: () => turn.most, signal: turn.signal })) {
      // The time of the events has to be stored before the first of them.
      if (page.rows.length > 0 && position.at === undefined)
        yield { events: [], rejections: [], position: { ...position, at } };
      if (turn.ending.aborted) return;
      const after = page.rows.at(-1)?.[0] ?? position.after;
      position = { ...(after === undefined ? {} : { after }), ...(page.isLast ? {} : { at }) };
      const found = page.rows.map(([value, json]) => ({ place: placeOfValue(value ?? ''), data: json ?? '' }));
      yield { position, ...eventsOf(found, shape, at) };
      if (turn.ending.aborted) return;
    }
  } catch (error) {
    throw explained(error, { table: undefined, user: server.user });
  } finally {
    connection.close();
  }
}

/** Returns the statement for the rows behind a number. Throws a `UserMistake` for a query that does not fit. */
async function statementOf(
  client: pg.ClientBase,
  { query, incrementing, schema }: QueryReader,
  after: string | undefined,
): Promise<string> {
  const source = `(${query.trim().replace(/;$/, '')}\n) millrace_query`;
  const columns = await columnsOf(client, source);
  const column = columns.find(({ name }) => name === incrementing);
  if (column === undefined)
    throw new UserMistake(
      `incrementing: the query has no column '${incrementing}': use one of ${columns.map(({ name }) => `'${name}'`).join(', ')}`,
    );
  if (!WHOLE.includes(column.type))
    throw new UserMistake(
      `incrementing: the column '${incrementing}' of the query is ${column.type}, and it has to be ${WHOLE.join(', ')}: cast it`,
    );
  const data = dataExpression(columns, { schema, what: 'the query', alias: 'millrace_query' });
  const number = `millrace_query.${pg.escapeIdentifier(incrementing)}`;
  const behind = after === undefined ? `${number} IS NOT NULL` : `${number} > ${BigInt(after)}`;
  return `SELECT ${number}::text, ${data} FROM ${source} WHERE ${behind} ORDER BY ${number}`;
}
