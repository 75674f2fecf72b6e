import type pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import { type Column, MOST_COLUMNS } from './columns.ts';
import { EVENT_COLUMN } from './event-column.ts';
import { quoted, quotedList, quotedTable } from './names.ts';
import { letReaderRead, letReaderReadColumns } from './readable.ts';
import { refuseUnfitTable } from './requirements.ts';
import { type CatalogueType, TYPES_BY_OID, USED_TYPES, type ValueType, valueTypeOf } from './value-types.ts';

/** A table as the catalogue describes it. */
export interface Table {
  /** Quoted, for use in a statement. */
  readonly name: string;
  /** As the pipeline's author wrote the name, for messages. */
  readonly written: string;
  /** Equal as long as nobody alters the table's columns or composite types, or makes the table anew. */
  readonly fingerprint: string;
  /** The catalogue's relations (`pg_class`) of the composite types that the columns hold. */
  readonly composites: readonly string[];
  /** The columns that can be written. */
  readonly columns: readonly TableColumn[];
  /** True when the last one is that of each row's last event, which the sink itself fills. */
  readonly notesEvents: boolean;
  /** The names of generated columns. */
  readonly generated: ReadonlySet<string>;
}

export interface TableColumn {
  readonly name: string;
  /** The type without length or precision: an assignment checks those, while a cast would shorten silently. */
  readonly castType: string;
  /** The same type or, of a domain, the type that it is made of in the end. */
  readonly baseType: string;
  readonly type: ValueType;
  readonly notNull: boolean;
  /** True when Postgres provides a value for an event without this field. */
  readonly hasDefault: boolean;
}

export interface TableOptions {
  readonly table: string;
  readonly key: readonly string[] | undefined;
  /** True when the sink deletes rows, too. */
  readonly mirror: boolean;
  /** The columns to create a missing table with; undefined: a missing table is an error. */
  readonly create: readonly Column[] | undefined;
  /** The columns that the table grows to hold; undefined: it is never altered. */
  readonly evolve?: readonly Column[] | undefined;
}

/** The table with the positions of all sinks of this database. */
const PROGRESS_TABLE = `CREATE TABLE IF NOT EXISTS millrace_progress (
  step text NOT NULL, shard text NOT NULL, revision bigint NOT NULL, state text NOT NULL, PRIMARY KEY (step, shard))`;

/**
 * Reads the table's columns. Creates the table (if asked to) and the table of positions when they are missing. Throws a
 * `UserMistake` for a mistake that the operator has to correct.
 */
export async function openTable(client: pg.ClientBase, options: TableOptions): Promise<Table> {
  await refuseOtherEncodings(client);
  await makeProgressTable(client);
  const name = quotedTable(options.table);
  if (options.create !== undefined)
    await makeWhenMissing(client, { name, statement: creation(name, options.create, options.key) });
  const catalogue = await readCatalogue(client, name);
  const { columns, types } = catalogue;
  if (columns === null || types === null)
    throw new UserMistake(
      `the table ${options.table} does not exist, or this user may not see it: create it, or set create: true in the sink's options`,
    );
  const writable = columns.filter(({ generated }) => !generated).map((column) => toColumn(column, types));
  const ofEvent = writable.filter(isOfEvent);
  const table = {
    name,
    fingerprint: catalogue.fingerprint,
    composites: catalogue.composites,
    written: options.table,
    columns: [...writable.filter((column) => !isOfEvent(column)), ...ofEvent],
    notesEvents: ofEvent.length > 0,
    generated: new Set(columns.filter(({ generated }) => generated).map(({ name: column }) => column)),
  };
  await refuseUnfitTable(client, table, options);
  if (options.key !== undefined) await refuseUnfitKey(client, table, options.key);
  // With these, operators can ask why a row is there, and see nothing else of it.
  if (options.create !== undefined && table.notesEvents)
    await letReaderReadColumns(client, name, [...(options.key ?? []), EVENT_COLUMN]);
  return table;
}

/** Makes the table with the positions when it is missing. Operators may read it. */
export async function makeProgressTable(client: pg.ClientBase): Promise<void> {
  await makeWhenMissing(client, { name: 'millrace_progress', statement: PROGRESS_TABLE });
  await letReaderRead(client, 'millrace_progress');
}

/** True when the table has no row, or is missing. */
export async function isEmptyOrMissing(client: pg.ClientBase, table: string): Promise<boolean> {
  const name = quotedTable(table);
  if (!(await exists(client, name))) return true;
  const { rows } = await client.query<{ full: boolean }>(`SELECT EXISTS (SELECT FROM ${name}) AS full`);
  return rows[0]?.full === false;
}

/** Throws a `UserMistake` for a database that cannot hold every text. */
export async function refuseOtherEncodings(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ encoding: string; database: string }>(
    `SELECT current_setting('server_encoding') AS encoding, current_database() AS database`,
  );
  const [{ encoding, database } = { encoding: '', database: '' }] = rows;
  if (encoding !== 'UTF8')
    throw new UserMistake(
      `the database ${database} has the encoding ${encoding} and cannot hold every text: create it with ENCODING 'UTF8'`,
    );
}

/**
 * Creates a table under a lock. `CREATE … IF NOT EXISTS` alone fails when two sessions run it at once, and requires the
 * right to create even when the table exists.
 */
export async function makeWhenMissing(
  client: pg.ClientBase,
  table: { name: string; statement: string },
): Promise<void> {
  if (await exists(client, table.name)) return;
  try {
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${CREATION_LOCK}); ${table.statement}; COMMIT`);
  } catch (error) {
    await client.query('ROLLBACK');
    if (!CREATION_ERRORS.has((error as pg.DatabaseError).code ?? '')) throw error;
    throw new UserMistake(
      `cannot create the table ${table.name}: ${(error as Error).message}: grant this user the right to create it, or create it yourself: ${table.statement}`,
    );
  }
}

/** An arbitrary number that other programs are unlikely to lock. */
const CREATION_LOCK = '7883948836411040101';

/** No permission, no such schema, no such type, a name that something else has, columns that cannot be a key. */
const CREATION_ERRORS = new Set(['42501', '3F000', '42704', '42P07', '42P16', '42703', '42601', '42710']);

async function exists(client: pg.ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
  return rows[0]?.there === true;
}

function creation(name: string, columns: readonly Column[], key: readonly string[] = []): string {
  const parts = columns.map(
    ({ name: column, type, nullable }) => `${quoted(column)} ${type}${nullable ? '' : ' NOT NULL'}`,
  );
  const hasRoom = columns.length < MOST_COLUMNS && columns.every(({ name: column }) => column !== EVENT_COLUMN);
  if (hasRoom) parts.push(`${EVENT_COLUMN} text`);
  if (key.length > 0) parts.push(`PRIMARY KEY (${quotedList(key)})`);
  return `CREATE TABLE IF NOT EXISTS ${name} (${parts.join(', ')})`;
}

interface CatalogueColumn {
  readonly name: string;
  readonly type: string;
  readonly cast_type: string;
  readonly base_type: string;
  readonly not_null: boolean;
  readonly has_default: boolean;
  readonly generated: boolean;
}

interface Catalogue {
  /** Null when the table is missing, or has no columns. */
  readonly columns: readonly CatalogueColumn[] | null;
  readonly types: Readonly<Record<string, CatalogueType>> | null;
  readonly composites: readonly string[];
  readonly fingerprint: string;
}

/**
 * Columns, types and fingerprint come from one statement, so they describe the same table. An identity column that is
 * `GENERATED ALWAYS` cannot be written, as a generated column cannot.
 */
async function readCatalogue(client: pg.ClientBase, name: string): Promise<Catalogue> {
  const { rows } = await client.query<Catalogue>(
    `WITH RECURSIVE ${USED_TYPES},
     composites AS (SELECT t.typrelid FROM used JOIN pg_catalog.pg_type t ON t.oid = used.oid WHERE t.typtype = 'c'),
     columns AS (
       SELECT a.attnum, a.attname AS name, a.atttypid::text AS type, format_type(a.atttypid, -1) AS cast_type,
              (WITH RECURSIVE base AS (
                 SELECT t.oid, t.typtype, t.typbasetype
                 UNION ALL
                 SELECT b.oid, b.typtype, b.typbasetype FROM base JOIN pg_catalog.pg_type b ON b.oid = base.typbasetype)
               SELECT format_type(oid, -1) FROM base WHERE typtype <> 'd') AS base_type,
              a.attnotnull OR t.typnotnull AS not_null,
              a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL AS has_default,
              a.attgenerated <> '' OR a.attidentity = 'a' AS generated
         FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped)
     SELECT (SELECT json_agg(columns ORDER BY attnum) FROM columns) AS columns,
            (${TYPES_BY_OID}) AS types,
            ARRAY(SELECT typrelid::text FROM composites) AS composites,
            (${fingerprintOf('SELECT to_regclass($1)::oid UNION ALL SELECT typrelid FROM composites')})`,
    [name],
  );
  return rows[0] as Catalogue;
}

/**
 * The query for a table's fingerprint. Each transaction of the sink runs this query. `name` is a literal of SQL. The
 * fingerprint of a missing table without composite types is null.
 */
export function columnsFingerprint(name: string, composites: Table['composites']): string {
  return fingerprintOf(`VALUES ${[`to_regclass(${name})`, ...composites].map((oid) => `(${oid}::oid)`).join(', ')}`);
}

/**
 * Every change of a column, of its domain or of an attribute writes a new version of its row in the catalogue, whose
 * `xmin` is the transaction that made the change. This is the cheapest query that sees all of it. `relations` is a
 * query for the oids of the table and of the composite types.
 */
function fingerprintOf(relations: string): string {
  return `SELECT hashtextextended(string_agg(concat_ws(' ', a.attrelid, a.attnum, a.xmin,
                   (SELECT t.xmin FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid)), ',' ORDER BY a.attrelid, a.attnum), 0)
                 AS fingerprint
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY (ARRAY(${relations})) AND a.attnum > 0`;
}

/** Tells whether nobody has altered the composite types since the table was read: no lock of a table keeps them. */
export async function hasSameComposites(client: pg.ClientBase, table: Table): Promise<boolean> {
  const { name, composites, fingerprint } = table;
  if (composites.length === 0) return true;
  const { rows } = await client.query<Pick<Catalogue, 'fingerprint'>>(
    columnsFingerprint(client.escapeLiteral(name), composites),
  );
  return rows[0]?.fingerprint === fingerprint;
}

function toColumn(column: CatalogueColumn, types: Readonly<Record<string, CatalogueType>>): TableColumn {
  const { name, cast_type, base_type, type, not_null, has_default } = column;
  return {
    name,
    castType: cast_type,
    baseType: base_type,
    type: valueTypeOf(type, types),
    notNull: not_null,
    hasDefault: has_default,
  };
}

function isOfEvent({ name, castType }: TableColumn): boolean {
  return name === EVENT_COLUMN && castType === 'text';
}

async function refuseUnfitKey(client: pg.ClientBase, table: Table, key: readonly string[]): Promise<void> {
  const { columns, written, name } = table;
  const missing = key.filter((each) => !columns.some((column) => column.name === each));
  if (missing.length > 0)
    throw new UserMistake(
      `the table ${written} has no column ${missing.join(', ')}, which the sink's key names: alter the table, or correct key in the sink's options`,
    );
  const names = quotedList(key);
  try {
    // EXPLAIN only plans: it fails when no unique index covers the key.
    await client.query(
      `EXPLAIN INSERT INTO ${name} (${names}) SELECT ${names} FROM ${name} ON CONFLICT (${names}) DO NOTHING`,
    );
  } catch (error) {
    if ((error as pg.DatabaseError).code !== NO_SUCH_INDEX) throw error;
    throw new UserMistake(
      `the table ${written} has no unique index on the sink's key (${key.join(', ')}): alter table ${name} add primary key (${names})`,
    );
  }
}

const NO_SUCH_INDEX = '42P10';
