import { quoted, quotedList } from './names.ts';
import type { Shape } from './row-encoder.ts';
import { SEQUENCE_EXHAUSTED } from './row-rejection.ts';
import type { Table, TableColumn } from './table.ts';

/** How the rows of a block get into the table. */
export interface Merging {
  readonly table: Table;
  readonly shape: Shape;
  /** Undefined: rows are appended. */
  readonly key: readonly string[] | undefined;
  /** True: rows are deleted, too. */
  readonly mirror: boolean;
}

/**
 * Temporary tables, one of each for a connection. Our columns' names have a space, which no user's column will have.
 */
const STAGE = 'pg_temp.millrace_stage';
const RAW = 'pg_temp.millrace_raw';
const REJECTED = 'pg_temp.millrace_rejected';
const ORDINAL = '"millrace ordinal"';
const DELETED = '"millrace deleted"';

/**
 * Creates the table of a block's rows, with the types of the target, an ordinal and, for a mirror, whether the row is
 * deleted. Each commit empties it.
 */
export function createStage({ table: { name, columns }, mirror }: Pick<Merging, 'table' | 'mirror'>): string {
  const typed = columns.map(
    (column) => `${quoted(column.name)}::${typeInStage(column, mirror)} AS ${quoted(column.name)}`,
  );
  const own = mirror ? `0 AS ${ORDINAL}, false AS ${DELETED}` : `0 AS ${ORDINAL}`;
  return `CREATE TEMPORARY TABLE IF NOT EXISTS millrace_stage ON COMMIT DELETE ROWS AS
    SELECT ${own}, ${(mirror ? typed : columns.map((column) => quoted(column.name))).join(', ')} FROM ${name} WITH NO DATA`;
}

/**
 * A deletion has nulls outside its key, and a domain may refuse them: a mirror's rows wait as the domain's base type.
 */
function typeInStage({ castType, baseType }: TableColumn, mirror: boolean): string {
  return mirror ? baseType : castType;
}

/** The names of our own columns in a line of COPY. */
function ownColumns({ mirror }: Pick<Merging, 'mirror'>): string {
  return mirror ? `${ORDINAL}, ${DELETED}` : ORDINAL;
}

/** Drops the temporary tables of a table that was altered, so that they are made anew with its types. */
export const dropTemporaryTables = `DROP TABLE IF EXISTS ${STAGE}, ${RAW}, ${REJECTED}`;

export const emptyStage = `TRUNCATE ${STAGE}`;

/** Creates the same table with text columns, which take any value, to find the rows that Postgres rejects. */
export function createRaw({ table: { columns }, mirror }: Pick<Merging, 'table' | 'mirror'>): string {
  return `CREATE TEMPORARY TABLE IF NOT EXISTS millrace_raw (${ORDINAL} integer PRIMARY KEY,
      ${mirror ? `${DELETED} boolean, ` : ''}${columns.map(({ name }) => `${quoted(name)} text`).join(', ')}) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE IF NOT EXISTS millrace_rejected
      (ordinal integer, code text, message text, field text) ON COMMIT DELETE ROWS;
    TRUNCATE ${RAW}, ${REJECTED}`;
}

export const readRejected = `SELECT ordinal, code, message, field FROM ${REJECTED} ORDER BY ordinal`;

/** A sink without a key copies rows straight into the table, without an ordinal. */
export function copyInto(merging: Merging): string {
  const names = quotedList(merging.shape.columns.map(({ name }) => name));
  return merging.key === undefined
    ? `COPY ${merging.table.name} (${names}) FROM STDIN`
    : `COPY ${STAGE} (${ownColumns(merging)}, ${names}) FROM STDIN`;
}

export function copyIntoRaw(merging: Merging): string {
  return `COPY ${RAW} (${ownColumns(merging)}, ${quotedList(merging.shape.columns.map(({ name }) => name))}) FROM STDIN`;
}

/** Merges each key's last row of the stage into the table: stores it, or deletes it. */
export function merge(merging: Merging & { readonly key: readonly string[] }): string {
  return merging.mirror ? `${deleteLast(merging, STAGE)}; ${insertLast(merging, STAGE)}` : insertLast(merging, STAGE);
}

/**
 * Moves the rows of the raw table into the sink's table, and the rows that Postgres rejects into the table of rejected
 * rows. It tries halves, each in a subtransaction, the first half first, so rows keep their order. All of it runs in
 * the server: one round trip, however many rows are rejected. Postgres does not name the column when a text is no value
 * of its type; assigning one column after the other finds it.
 */
export function mergeByHalves(merging: Merging, rows: number): string {
  const { columns } = merging.shape;
  const names = columns.map(({ name }) => literal(name)).join(', ');
  const types = columns.map((column) => literal(typeInStage(column, merging.mirror))).join(', ');
  return `DO ${literal(`DECLARE
      millrace_starts int[] := ARRAY[0]; millrace_ends int[] := ARRAY[${rows - 1}]; millrace_open int := 1;
      millrace_low int; millrace_high int; millrace_middle int;
      millrace_code text; millrace_message text; millrace_field text; millrace_constraint text;
      millrace_schema text; millrace_table text;
      millrace_names text[] := ARRAY[${names}]; millrace_types text[] := ARRAY[${types}];
    BEGIN
      WHILE millrace_open > 0 LOOP
        millrace_low := millrace_starts[millrace_open];
        millrace_high := millrace_ends[millrace_open];
        millrace_open := millrace_open - 1;
        BEGIN
          ${insertRange(merging)};
        EXCEPTION WHEN ${ROWS_FAULT} OR cardinality_violation OR insufficient_privilege THEN
          GET STACKED DIAGNOSTICS
            millrace_code = RETURNED_SQLSTATE, millrace_message = MESSAGE_TEXT, millrace_field = COLUMN_NAME,
            millrace_constraint = CONSTRAINT_NAME, millrace_schema = SCHEMA_NAME, millrace_table = TABLE_NAME;
          IF ${OPERATORS_FAULT} THEN RAISE; END IF;
          IF millrace_low < millrace_high THEN
            millrace_middle := (millrace_low + millrace_high) / 2;
            millrace_starts[millrace_open + 1] := millrace_middle + 1;
            millrace_ends[millrace_open + 1] := millrace_high;
            millrace_starts[millrace_open + 2] := millrace_low;
            millrace_ends[millrace_open + 2] := millrace_middle;
            millrace_open := millrace_open + 2;
          ELSIF millrace_code = '21000' THEN
            RAISE;
          ELSE
            FOR millrace_index IN 1 .. CASE WHEN millrace_field = '' THEN ${columns.length} ELSE 0 END LOOP
              BEGIN
                EXECUTE format('INSERT INTO ${STAGE} (%1$I) SELECT %1$I::%2$s FROM ${RAW} WHERE ${ORDINAL} = $1',
                  millrace_names[millrace_index], millrace_types[millrace_index]) USING millrace_low;
              EXCEPTION WHEN ${ROWS_FAULT} THEN
                millrace_field := millrace_names[millrace_index];
                EXIT;
              END;
            END LOOP;
            INSERT INTO ${REJECTED} VALUES (millrace_low, millrace_code, millrace_message, NULLIF(millrace_field, ''));
          END IF;
        END;
      END LOOP;
    END`)}`;
}

const ROWS_FAULT =
  'data_exception OR integrity_constraint_violation OR program_limit_exceeded OR with_check_option_violation';

/**
 * An exhausted sequence, a missing right, or a missing partition. Only the message tells a row-level security policy
 * from a missing right: a server that speaks another language stops the step. A CHECK constraint has a name, and a
 * partitioned table itself violates none.
 */
const OPERATORS_FAULT = `millrace_code = '${SEQUENCE_EXHAUSTED}'
            OR millrace_code = '42501' AND millrace_message NOT LIKE '%row-level security%'
            OR millrace_code = '23514' AND millrace_constraint = '' AND millrace_table <> '' AND EXISTS (
              SELECT FROM pg_catalog.pg_class
               WHERE oid = to_regclass(format('%I.%I', millrace_schema, millrace_table)) AND relkind = 'p')`;

/** Converts the text of every row before a later row with the same key can hide it. */
function insertRange(merging: Merging): string {
  const { table, shape, key, mirror } = merging;
  const casts = shape.columns
    .map((column) => `${quoted(column.name)}::${typeInStage(column, mirror)} AS ${quoted(column.name)}`)
    .join(', ');
  const range = `${ORDINAL} BETWEEN millrace_low AND millrace_high`;
  const names = quotedList(shape.columns.map(({ name }) => name));
  if (key === undefined)
    return `INSERT INTO ${table.name} (${names}) SELECT ${casts} FROM ${RAW} WHERE ${range} ORDER BY ${ORDINAL}`;
  const typed = `WITH millrace_typed AS MATERIALIZED (SELECT ${ownColumns(merging)}, ${casts} FROM ${RAW} WHERE ${range})`;
  const insert = `${typed} ${insertLast({ ...merging, key }, 'millrace_typed')}`;
  return mirror ? `${typed} ${deleteLast({ ...merging, key }, 'millrace_typed')}; ${insert}` : insert;
}

/** Deletes first: an inserted row may have a unique value that a deleted row has had. */
function deleteLast({ table, key }: Merging & { readonly key: readonly string[] }, from: string): string {
  const keys = quotedList(key);
  const same = key.map((name) => `millrace_target.${quoted(name)} = millrace_last.${quoted(name)}`).join(' AND ');
  return `DELETE FROM ${table.name} millrace_target USING (
      SELECT DISTINCT ON (${keys}) ${DELETED}, ${keys} FROM ${from} ORDER BY ${keys}, ${ORDINAL} DESC) millrace_last
    WHERE millrace_last.${DELETED} AND ${same}`;
}

function insertLast(
  { table, shape, key, mirror }: Merging & { readonly key: readonly string[] },
  from: string,
): string {
  const names = shape.columns.map(({ name }) => name);
  const others = names.filter((name) => !key.includes(name));
  if (shape.isPartial) return updateLast({ table, shape, key, mirror }, from);
  const assignments = others.map((name) => `${quoted(name)} = EXCLUDED.${quoted(name)}`).join(', ');
  const keys = quotedList(key);
  const own = mirror ? `${DELETED}, ` : '';
  const last = `SELECT DISTINCT ON (${keys}) ${own}${quotedList(names)} FROM ${from} ORDER BY ${keys}, ${ORDINAL} DESC`;
  return `INSERT INTO ${table.name} (${quotedList(names)})
    ${mirror ? `SELECT ${quotedList(names)} FROM (${last}) millrace_last WHERE NOT ${DELETED}` : last}
    ON CONFLICT (${keys}) DO ${others.length === 0 ? 'NOTHING' : `UPDATE SET ${assignments}`}`;
}

/** Stores the columns of a partial shape. The others, which the events do not have, keep their values. */
function updateLast({ table, shape, key }: Merging & { readonly key: readonly string[] }, from: string): string {
  const names = shape.columns.map(({ name }) => name);
  const others = names.filter((name) => !key.includes(name));
  const keys = quotedList(key);
  const assignments = (others.length === 0 ? key : others)
    .map((name) => `${quoted(name)} = millrace_last.${quoted(name)}`)
    .join(', ');
  const same = key.map((name) => `millrace_target.${quoted(name)} = millrace_last.${quoted(name)}`).join(' AND ');
  return `UPDATE ${table.name} millrace_target SET ${assignments} FROM (
      SELECT DISTINCT ON (${keys}) ${DELETED}, ${quotedList(names)} FROM ${from} ORDER BY ${keys}, ${ORDINAL} DESC) millrace_last
    WHERE NOT millrace_last.${DELETED} AND ${same}`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
