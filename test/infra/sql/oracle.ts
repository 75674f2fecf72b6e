import pg from 'pg';
import { startPostgres } from '../../../infra/local/servers/postgres-server.ts';

/** The real Postgres 18 that every expression is compared with: collation "C", UTC, as docs/sql.md states. */
export interface Oracle {
  readonly client: pg.Client;
  readonly server: OracleServer;
  /**
   * Runs statements one by one. Returns for each the first column of the first row as text, or Postgres's error code.
   */
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
  const oracle = await connectOracle({ host, port, user, password, database: 'postgres' });
  await oracle.client.query(ATTEMPT);
  await oracle.client.query(MASKS);
  const stop = async (): Promise<void> => {
    await oracle.stop();
    await server.stop();
  };
  return { ...oracle, stop };
}

/** How to connect to a server that `startOracle` has prepared. */
export type OracleServer = Required<Pick<pg.ClientConfig, 'host' | 'port' | 'user' | 'database'>> & {
  readonly password: string;
};

/** Connects to it once more, from another thread. */
export async function connectOracle(server: OracleServer): Promise<Oracle> {
  const client = new pg.Client(server);
  await client.connect();
  return { client, server, attempt: (statements) => attempt(client, statements), stop: () => client.end() };
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

/**
 * ksqlDB's masks: Postgres has none. In plpgsql, because the planner takes functions in SQL apart and leaves out
 * arguments.
 */
const MASKS = `
create function masked(value text, from_character int, to_character int, by text[]) returns text language sql immutable as
  $$ select coalesce(string_agg(case
       when i < from_character or i > to_character then c
       when c ~ '[[:upper:]]' collate pg_c_utf8 then coalesce(by[1], c)
       when c ~ '[[:lower:]]' collate pg_c_utf8 then coalesce(by[2], c)
       when c ~ '[[:digit:]]' collate pg_c_utf8 then coalesce(by[3], c)
       else coalesce(by[4], c) end, '' order by i), '')
     from string_to_table(value, null) with ordinality as s(c, i) $$;
${(
  [
    ['mask', '', '1', 'length(value)'],
    ['mask_left', ', n int', '1', 'n'],
    ['mask_right', ', n int', 'greatest(length(value)::bigint - n + 1, 1)::int', 'length(value)'],
    ['mask_keep_left', ', n int', 'greatest(n, 0)::bigint + 1', 'length(value)'],
    ['mask_keep_right', ', n int', '1', 'length(value)::bigint - n'],
  ] as const
)
  .flatMap(([name, count, from, to]) => {
    const range = `least(${from}, 2147483647)::int, greatest(least(${to}, 2147483647), 0)::int`;
    const given = count === '' ? 'value is null' : 'value is null or n is null';
    return [
      `create function ${name}(value text${count}) returns text language plpgsql immutable strict as
         $$ begin return masked(value, ${range}, array['X', 'x', 'n', '-']); end $$;`,
      `create function ${name}(value text${count}, upper_by text, lower_by text, digit_by text, other_by text) returns text language plpgsql immutable as
         $$ begin return case when ${given} then null else masked(value, ${range}, array[upper_by, lower_by, digit_by, other_by]) end; end $$;`,
    ];
  })
  .join('\n')}`;
