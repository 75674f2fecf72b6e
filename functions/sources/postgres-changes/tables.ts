import pg from 'pg';
import { type CatalogueType, TYPES, type Types } from '../../clients/postgres-types.ts';
import { UserMistake } from '../../runtime/errors.ts';
import type { Field } from './relations.ts';
import type { Replication } from './replication.ts';
import { formFor } from './value-forms.ts';

/** A table as the catalogue describes it now. */
export interface CatalogueTable {
  /** As the pipeline's author wrote the name. */
  readonly written: string;
  readonly schema: string;
  readonly table: string;
  /** `r`: a table, `p`: a partitioned table. */
  readonly kind: string;
  /** The replica identity: `d` for the primary key, `i` for an index, `f` for all columns, `n` for none. */
  readonly identity: string;
  readonly primaryKey: readonly string[];
  /** The columns of the replica identity; under `f` those of the primary key. */
  readonly identityColumns: readonly string[];
  /** The condition of the publication that a row has to meet. */
  readonly filter: string | null;
  readonly mayRead: boolean;
  /** How many rows the server believes the table has. Undefined: it has never counted them. */
  readonly rows?: number | undefined;
  /** True when the publication publishes the table. */
  readonly isPublished: boolean;
  readonly columns: readonly {
    readonly name: string;
    readonly type: number;
    readonly typeName: string;
    readonly isNullable: boolean;
  }[];
}

type Found = Omit<CatalogueTable, 'written' | 'rows'> & { readonly rows: number | null };

/** Reads tables from the catalogue. Throws a `UserMistake` for a name that stands for no table. */
export async function readTables(
  { query }: Pick<Replication, 'query'>,
  {
    tables,
    publication,
    version,
  }: { readonly tables: readonly string[]; readonly publication: string; readonly version: number },
): Promise<readonly CatalogueTable[]> {
  const found: CatalogueTable[] = [];
  for (const written of tables) {
    const [row] = await query(tableQuery(quotedTable(written), publication, version));
    const table = row?.found == null ? undefined : (JSON.parse(row.found) as Found);
    if (table === undefined)
      throw new UserMistake(`the table ${written} does not exist, or this user may not see it: correct its name`);
    if (table.kind !== 'r' && table.kind !== 'p')
      throw new UserMistake(`${written} is no table, and only tables have changes in the log: name tables in 'tables'`);
    found.push({ ...table, rows: table.rows ?? undefined, written });
  }
  const twice = found.find((one) => found.some((other) => other !== one && other.table === one.table));
  if (twice !== undefined)
    throw new UserMistake(
      `two of 'tables' are called ${twice.table}, so their events would have the same types: follow one of them with another source`,
    );
  return found;
}

export function quotedTable(written: string): string {
  return written
    .split('.')
    .map((part) => pg.escapeIdentifier(part))
    .join('.');
}

/** Publications have conditions from Postgres 15 on. */
function filterOf(publication: string, version: number): string {
  if (version < 150_000) return 'NULL';
  return `(SELECT min(p.rowfilter) FROM pg_catalog.pg_publication_tables p
         WHERE p.pubname = ${pg.escapeLiteral(publication)} AND p.schemaname = n.nspname AND p.tablename = c.relname)`;
}

function tableQuery(name: string, publication: string, version: number): string {
  return `SELECT json_build_object('schema', n.nspname, 'table', c.relname, 'kind', c.relkind, 'identity', c.relreplident,
      'primaryKey', coalesce((SELECT json_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum))
          FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
         WHERE i.indrelid = c.oid AND i.indisprimary), '[]'),
      'identityColumns', coalesce((SELECT json_agg(a.attname)
          FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
         WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END), '[]'),
      'rows', CASE c.relkind WHEN 'p' THEN
          (SELECT sum(r.reltuples)::int8 FROM pg_catalog.pg_partition_tree(c.oid) t
             JOIN pg_catalog.pg_class r ON r.oid = t.relid WHERE t.isleaf AND r.reltuples >= 0)
        ELSE nullif(c.reltuples, -1)::int8 END,
      'filter', ${filterOf(publication, version)}, 'mayRead', has_table_privilege(c.oid, 'SELECT'),
      'isPublished', EXISTS (SELECT FROM pg_catalog.pg_publication_tables p
         WHERE p.pubname = ${pg.escapeLiteral(publication)} AND p.schemaname = n.nspname AND p.tablename = c.relname),
      'columns', (SELECT json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8,
            'typeName', format_type(a.atttypid, a.atttypmod), 'isNullable', NOT a.attnotnull) ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')) AS found
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = to_regclass(${pg.escapeLiteral(name)})`;
}

export async function readTypes({ query }: Pick<Replication, 'query'>): Promise<Map<number, CatalogueType>> {
  const rows = await query(TYPES);
  const numberOf = (text: string | null | undefined) => (text == null ? null : Number(text));
  return new Map(
    rows.map(({ oid, name, base, element }) => [
      Number(oid),
      { name: name ?? '', base: numberOf(base), element: numberOf(element) },
    ]),
  );
}

/** A field of the stream's schema, and whether its data always has it. */
export interface SchemaField extends Field {
  readonly isRequired: boolean;
}

/** Throws a `UserMistake` when rows of a table can never fit the stream's schema. */
export function checkFields(
  { written, columns, primaryKey }: CatalogueTable,
  fields: readonly SchemaField[],
  types: Types,
): void {
  for (const { name, accepts, isRequired } of fields) {
    const column = columns.find((one) => one.name === name);
    if (column === undefined) {
      if (!isRequired || name === 'unchanged') continue;
      throw new UserMistake(
        `the stream's schema has a field '${name}', and the table ${written} has no such column: remove the field, make it optional, or alter table ${written} add column ${pg.escapeIdentifier(name)}`,
      );
    }
    if (formFor(column.type, types, accepts) === undefined)
      throw new UserMistake(
        `the column ${name} of the table ${written} is ${column.typeName}, and the stream's schema takes ${accepts.join(' or ')} there: change the field (millrace schema from-table writes a schema that fits)`,
      );
    if (column.isNullable && accepts.length > 0 && !accepts.includes('null') && !primaryKey.includes(name))
      throw new UserMistake(
        `the column ${name} of the table ${written} may be null, and the stream's schema takes no null there: add .nullable() to the field, or alter table ${written} alter column ${pg.escapeIdentifier(name)} set not null`,
      );
  }
}
