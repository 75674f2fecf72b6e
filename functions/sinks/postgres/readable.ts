import type pg from 'pg';
import { READER } from '../../clients/query.ts';
import { quoted, quotedList } from './names.ts';

/**
 * Lets the role that asks for operators read a table or view, named as SQL names it. Does so only where the role is
 * there, the table belongs to this user, and nobody has granted or revoked anything on it: what people decided stays.
 */
export async function letReaderRead(client: pg.ClientBase, name: string): Promise<void> {
  const { rows } = await client.query<{ schema: string; table: string }>(
    `SELECT n.nspname AS schema, c.relname AS table
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass(${client.escapeLiteral(name)}) AND c.relacl IS NULL
        AND pg_has_role(current_user, c.relowner, 'USAGE')
        AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${READER}')`,
  );
  for (const { schema, table } of rows)
    await grant(client, `GRANT SELECT ON ${quoted(schema)}.${quoted(table)} TO ${READER}`);
}

/** Lets the role read columns of a table that is closed to it, such as what status counts. Once, as above. */
export async function letReaderReadColumns(
  client: pg.ClientBase,
  name: string,
  columns: readonly string[],
): Promise<void> {
  const names = columns.map((column) => client.escapeLiteral(column)).join(', ');
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.attname AS name FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      WHERE c.oid = to_regclass(${client.escapeLiteral(name)}) AND a.attname IN (${names})
        AND a.attacl IS NULL AND pg_has_role(current_user, c.relowner, 'USAGE')
        AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '${READER}')`,
  );
  const closed = quotedList(rows.map((row) => row.name));
  if (rows.length > 0) await grant(client, `GRANT SELECT (${closed}) ON ${name} TO ${READER}`);
}

async function grant(client: pg.ClientBase, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    // Another process grants the same at this moment.
    if ((error as pg.DatabaseError).code !== CONCURRENTLY_UPDATED) throw error;
  }
}

const CONCURRENTLY_UPDATED = 'XX000';
