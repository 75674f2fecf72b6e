import pg from 'pg';
import { startPostgres } from '../../../infra/local/postgres-server.ts';

/** The real Postgres 18 that every expression is compared with: collation "C", UTC, as docs/sql.md states. */
export interface Oracle {
  readonly client: pg.Client;
  /** Runs statements one by one: the first column of the first row as text, or Postgres's error code. */
  readonly attempt: (statements: readonly string[]) => Promise<readonly Attempt[]>;
  readonly stop: () => Promise<void>;
}

export interface Attempt {
  readonly code: string | null;
  readonly message: string | null;
  readonly value: string | null;
}

export async function startOracle(): Promise<Oracle> {
  const server = await startPostgres({ flags: ['-c', 'timezone=UTC', '-c', 'jit=off'] });
  const { host, port, user, password } = server;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  await client.query(ATTEMPT);
  await client.query(MASKS);
  const stop = async (): Promise<void> => {
    await client.end();
    await server.stop();
  };
  return { client, attempt: (statements) => attempt(client, statements), stop };
}

const ATTEMPT = `
create function attempt(statement text, out code text, out message text, out value text) language plpgsql as $$
begin
  execute statement into value;
exception when others then
  code := sqlstate; message := sqlerrm;
end $$`;

async function attempt(client: pg.Client, statements: readonly string[]): Promise<readonly Attempt[]> {
  const { rows } = await client.query<Attempt>(
    'select code, message, value from unnest($1::text[]) with ordinality as s(statement, n), lateral attempt(statement) order by n',
    [statements],
  );
  return rows;
}

/** ksqlDB's masks, written in SQL: Postgres has none. */
const MASKS = `
create function mask(value text) returns text language sql immutable strict as
  $$ select regexp_replace(regexp_replace(regexp_replace(regexp_replace(value, '[^A-Za-z0-9]', '-', 'g'), '[A-Z]', 'X', 'g'), '[a-z]', 'x', 'g'), '[0-9]', 'n', 'g') $$;
create function mask_left(value text, n int) returns text language sql immutable strict as
  $$ select mask(left(value, greatest(n, 0))) || substr(value, greatest(n, 0) + 1) $$;
create function mask_right(value text, n int) returns text language sql immutable strict as
  $$ select left(value, greatest(length(value) - greatest(n, 0), 0)) || mask(right(value, greatest(n, 0))) $$;
create function mask_keep_left(value text, n int) returns text language sql immutable strict as
  $$ select left(value, greatest(n, 0)) || mask(substr(value, greatest(n, 0) + 1)) $$;
create function mask_keep_right(value text, n int) returns text language sql immutable strict as
  $$ select mask(left(value, greatest(length(value) - greatest(n, 0), 0))) || right(value, greatest(n, 0)) $$;
`;
