import pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import type { SourceColumn } from './columns.ts';

/**
 * A column that keeps the scan short: only rows from a bound on are looked at. A bound is right when no transaction
 * that begins to write later gives a lower value. Of an incrementing column that is the highest value that was seen; of
 * a column with the time of the transaction (`now()`) the start of the oldest transaction of that moment. `margin`
 * lowers the bound.
 */
export type Limit =
  | { readonly incrementing: string; readonly margin: number }
  | { readonly timestamp: string; readonly margin: number };

export function columnOf(limit: Limit): string {
  return 'incrementing' in limit ? limit.incrementing : limit.timestamp;
}

/** Throws a `UserMistake` for a column that cannot limit the scan. */
export async function checkLimit(
  client: pg.ClientBase,
  limit: Limit,
  {
    columns,
    written,
    name,
  }: { readonly columns: readonly SourceColumn[]; readonly written: string; readonly name: string },
): Promise<void> {
  const wanted = columnOf(limit);
  const column = columns.find((one) => one.name === wanted);
  if (column === undefined)
    throw new UserMistake(
      `limitedBy: the table ${written} has no column '${wanted}': use one of ${columns.map((one) => `'${one.name}'`).join(', ')}`,
    );
  const types = 'incrementing' in limit ? ['smallint', 'integer', 'bigint'] : ['timestamp with time zone'];
  if (!types.includes(column.type))
    throw new UserMistake(
      `limitedBy: the column '${wanted}' of ${written} is ${column.type}, and it has to be ${types.join(', ')}: leave limitedBy out, which reads the whole table`,
    );
  const { rows } = await client.query<{ not_null: boolean; sees_all: boolean; user: string }>(
    `SELECT a.attnotnull AS not_null, pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all, current_user AS user
       FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attname = $2`,
    [name, wanted],
  );
  const [{ not_null: isNotNull, sees_all: seesAll, user } = { not_null: false, sees_all: false, user: '' }] = rows;
  if (!isNotNull)
    throw new UserMistake(
      `limitedBy: the column '${wanted}' of ${written} may be null, and such rows would never be read: ALTER TABLE ${name} ALTER COLUMN ${pg.escapeIdentifier(wanted)} SET NOT NULL, or leave limitedBy out`,
    );
  if ('timestamp' in limit && !seesAll)
    throw new UserMistake(
      `limitedBy: the user '${user}' may not see when the oldest transaction began: GRANT pg_read_all_stats TO ${pg.escapeIdentifier(user)}`,
    );
}

/**
 * Reads the start of the oldest transaction, before the snapshot is taken. A transaction that begins later begins after
 * this.
 */
export async function oldestStart(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ oldest: string }>(
    `SELECT least(statement_timestamp(), min(xact_start))::text AS oldest
       FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid()`,
  );
  return rows[0]?.oldest ?? '-infinity';
}

/** Reads the highest value that the snapshot sees. Undefined: the table is empty. */
export async function highestValue(client: pg.ClientBase, column: string, from: string): Promise<string | undefined> {
  const { rows } = await client.query<{ highest: string | null }>(
    `SELECT max(${pg.escapeIdentifier(column)})::text AS highest FROM ${from}`,
  );
  return rows[0]?.highest ?? undefined;
}

/** Returns the condition that keeps the scan short. */
export function limitCondition(limit: Limit, bound: string): string {
  const column = pg.escapeIdentifier(columnOf(limit));
  const margin = Math.trunc(limit.margin);
  return 'incrementing' in limit
    ? `${column} >= ${BigInt(bound)}::numeric - ${margin}`
    : `${column} >= ${pg.escapeLiteral(bound)}::timestamptz - ${margin} * interval '1 millisecond'`;
}
