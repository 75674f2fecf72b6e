import pg from 'pg';
import { UserMistake } from '../../../functions/runtime/errors.ts';

/** Runs a statement. Values are as Postgres writes them. */
export type Ask = (text: string) => Promise<readonly Readonly<Record<string, string | null>>[]>;

const CONNECT_MILLIS = 10_000;

/**
 * Connects to a database that a person names by its URL, such as
 * `postgres://me@db.example.com/crm?sslmode=verify-full`, and calls `work`. Without a password in the URL it takes
 * `PGPASSWORD`, as Postgres's own programs do.
 */
export async function withGivenDatabase<T>(url: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  if (!/^postgres(ql)?:\/\//.test(url))
    throw new UserMistake(
      `'${url}' is no database; write postgres://<user>@<host>:<port>/<database>, and the password in PGPASSWORD`,
    );
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MILLIS,
    application_name: 'millrace',
  });
  client.on('error', () => undefined);
  const { host, port, user } = client;
  await client.connect().catch((error: Error) => {
    throw new UserMistake(`the database ${host}:${port} does not let '${user}' in (${error.message})`);
  });
  try {
    return await work(async (text) => (await client.query({ text, types: AS_WRITTEN })).rows);
  } finally {
    await client.end();
  }
}

const AS_WRITTEN = { getTypeParser: () => (text: string | Buffer) => String(text) };
