import type pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import { MOST_COLUMNS } from './columns.ts';

/** What the check needs of a table: its quoted name, its name for messages, and its columns. */
interface TableToCheck {
  readonly name: string;
  readonly written: string;
  readonly columns: readonly unknown[];
}

interface Facts {
  readonly database: string;
  readonly who: string;
  readonly temporary: boolean;
  readonly progress: boolean;
  readonly insert: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  readonly select: boolean;
  readonly view: boolean;
  readonly row_security: boolean;
  readonly deferrable: string | null;
}

/**
 * Throws a `UserMistake`, with what to do, for a table that the sink could never write, or could not write once a row
 * is bad: to find the rejected rows, the sink needs temporary tables.
 */
export async function refuseUnfitTable(
  client: pg.ClientBase,
  { name, written, columns }: TableToCheck,
  { key, mirror }: { readonly key: readonly string[] | undefined; readonly mirror: boolean },
): Promise<void> {
  const { rows } = await client.query<Facts>(FACTS, [name, key ?? []]);
  const facts = rows[0] as Facts;
  const { database, who } = facts;
  const user = client.escapeIdentifier(who);
  const refuse = (what: string): never => {
    throw new UserMistake(what);
  };
  if (!facts.temporary)
    refuse(
      `the user ${who} may not make temporary tables in the database ${database}: grant temporary on database ${client.escapeIdentifier(database)} to ${user}`,
    );
  if (!facts.progress)
    refuse(
      `the user ${who} may not read and write the table millrace_progress: grant select, insert, update on millrace_progress to ${user}`,
    );
  const needed: readonly Right[] = key === undefined ? ['insert'] : mirror ? [...UPSERT, 'delete'] : UPSERT;
  if (!needed.every((right) => facts[right]))
    refuse(`the user ${who} may not write the table ${written}: grant ${needed.join(', ')} on ${name} to ${user}`);
  if (columns.length > MOST_COLUMNS)
    refuse(
      `the table ${written} has ${columns.length} columns, and the sink writes at most ${MOST_COLUMNS}: drop some, or keep them in a column of jsonb`,
    );
  if (key === undefined && facts.view)
    refuse(`${written} is a view, and a sink without a key cannot append to one: name the view's table, or give a key`);
  if (key === undefined && facts.row_security)
    refuse(
      `the table ${written} has row-level security for the user ${who}, and a sink without a key cannot append to it: give a key, or alter role ${user} bypassrls`,
    );
  if (mirror && facts.row_security)
    refuse(
      `the table ${written} has row-level security for the user ${who}, which would hide rows that a mirror has to delete: alter role ${user} bypassrls`,
    );
  if (facts.deferrable !== null)
    refuse(
      `the constraint ${facts.deferrable} on the sink's key in the table ${written} is deferrable, and Postgres cannot upsert by it: make it not deferrable`,
    );
}

type Right = 'select' | 'insert' | 'update' | 'delete';

const UPSERT: readonly Right[] = ['select', 'insert', 'update'];

/** A view takes COPY only when a trigger INSTEAD OF INSERT (bits 2 and 6 of `tgtype`) stores the rows. */
const FACTS = `SELECT current_database() AS database, current_user AS who,
    has_database_privilege(current_database(), 'TEMPORARY') AS temporary,
    has_table_privilege('millrace_progress', 'SELECT') AND has_table_privilege('millrace_progress', 'INSERT')
      AND has_table_privilege('millrace_progress', 'UPDATE') AS progress,
    has_any_column_privilege(c.oid, 'INSERT') AS insert, has_any_column_privilege(c.oid, 'UPDATE') AS update,
    has_any_column_privilege(c.oid, 'SELECT') AS select, has_table_privilege(c.oid, 'DELETE') AS delete,
    c.relkind = 'v' AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND g.tgtype & 68 = 68)
      AS view,
    row_security_active(c.oid) AS row_security,
    (SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i
      WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indimmediate
        AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey))
          = (SELECT array_agg(k ORDER BY k) FROM unnest($2::text[]) k) LIMIT 1) AS deferrable
  FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1)`;
