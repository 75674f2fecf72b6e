import type { Column } from '../sinks/postgres/columns.ts';
import { quoted, quotedList } from '../sinks/postgres/names.ts';

/** Our own columns of a state table. */
const ID = '"millrace id"';
const EVENT_KEY = '"millrace event key"';
const ROW = '"millrace row"';

/** The table that holds the rows, quoted, and the columns of its rows. */
export interface StateTable {
  readonly name: string;
  readonly columns: readonly Column[];
}

/**
 * The row's JSON is stored beside its columns. A column may write a value otherwise than it came, a time for example,
 * and `reduce` gets exactly what it made before.
 */
export function createState({ name, columns }: StateTable, key: readonly string[]): string {
  const own = columns.map((column) => `${quoted(column.name)} ${column.type}${column.nullable ? '' : ' NOT NULL'}`);
  return `CREATE TABLE ${name} (${ID} text COLLATE "C" PRIMARY KEY, ${EVENT_KEY} text NOT NULL, ${ROW} json NOT NULL,
      ${own.join(', ')});
    CREATE INDEX ON ${name} (${quotedList(key)})`;
}

export function createView(view: string, { name, columns }: StateTable): string {
  return `CREATE VIEW ${view} AS SELECT ${quotedList(columns.map((column) => column.name))} FROM ${name}`;
}

/** Reads rows, and locks them until the transaction ends. `$1` are their ids. */
export function selectRows({ name }: StateTable): string {
  return `SELECT ${ID} AS id, ${EVENT_KEY} AS event_key, ${ROW}::text AS row FROM ${name}
    WHERE ${ID} = ANY ($1::text[]) ORDER BY ${ID} FOR UPDATE`;
}

/** `$1` are the ids of rows that the transaction has locked. */
export function deleteRows({ name }: StateTable): string {
  return `DELETE FROM ${name} WHERE ${ID} = ANY ($1::text[])`;
}

/**
 * Stores rows. `$1`, `$2` and `$3` are their ids, event keys and JSON, from which Postgres itself reads the values,
 * with all of their digits. The rows are sorted, so that two transactions never wait for each other. A row that an
 * INSERT has made has no `xmax`.
 */
export function upsertRows({ name, columns }: StateTable): string {
  const names = columns.map((column) => quoted(column.name));
  const typed = columns.map((column) => `${quoted(column.name)} ${column.type}`);
  const written = [EVENT_KEY, ROW, ...names];
  return `INSERT INTO ${name} (${[ID, ...written].join(', ')})
    SELECT millrace_given.id, millrace_given.event_key, millrace_given.row,
           ${names.map((column) => `millrace_values.${column}`).join(', ')}
      FROM unnest($1::text[], $2::text[], $3::json[]) AS millrace_given (id, event_key, row)
     CROSS JOIN LATERAL json_to_record(millrace_given.row) AS millrace_values (${typed.join(', ')})
     ORDER BY millrace_given.id COLLATE "C"
    ON CONFLICT (${ID}) DO UPDATE SET ${written.map((column) => `${column} = EXCLUDED.${column}`).join(', ')}
    RETURNING xmax = 0 AS inserted`;
}
