import type pg from 'pg';

interface Holder {
  readonly pid: number | null;
  readonly gid: string | null;
  readonly database: string | null;
  readonly application: string | null;
  readonly since: string | null;
}

/** Says who holds the horizon: the oldest transaction of the server, in any database. Undefined: there is none. */
export async function whoHolds(client: pg.ClientBase, horizon: bigint): Promise<string | undefined> {
  const { rows } = await client.query<Holder>(
    `SELECT pid, NULL AS gid, datname AS database, application_name AS application,
            to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
       FROM pg_catalog.pg_stat_activity WHERE backend_xid = $1::text::xid
     UNION ALL
     SELECT NULL, gid, database, NULL, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
       FROM pg_catalog.pg_prepared_xacts WHERE transaction = $1::text::xid`,
    [String(horizon % 2n ** 32n)],
  );
  const [holder] = rows;
  if (holder === undefined) return undefined;
  const { pid, gid, database, application, since } = holder;
  const started = since === null ? '' : ` since ${since}`;
  const where = `database '${database ?? 'unknown'}'`;
  const rowsWait = 'rows that were written after it began wait until it ends';
  return gid === null
    ? `the session ${pid} (${where}, '${application ?? ''}') has an open transaction${started}: ${rowsWait}; to end it, SELECT pg_terminate_backend(${pid})`
    : `the prepared transaction '${gid}' (${where}) is open${started}: ${rowsWait}; COMMIT or ROLLBACK PREPARED '${gid}'`;
}
