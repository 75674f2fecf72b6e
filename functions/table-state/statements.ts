import type { Column } from '../sinks/postgres/columns.ts';
import { quoted, quotedList } from '../sinks/postgres/names.ts';
import { STORAGE } from './storage.ts';

/** Our own columns of a state table. */
const ID = '"millrace id"';
const EVENT_KEY = '"millrace event key"';
export const ROW = '"millrace row"';
const STATE = '"millrace state"';

/** The table that holds the rows, quoted, and the columns of its rows. */
export interface StateTable {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Whether it holds a state beside each row. Then the row of a state that the table does not show is null. */
  readonly hasState: boolean;
}

/**
 * The row's JSON is stored beside its columns. A column may write a value otherwise than it came, a time for example,
 * and `reduce` gets exactly what it made before.
 */
export function createState({ name, columns, hasState }: StateTable, key: readonly string[]): string {
  const own = columns.map(
    (column) => `${quoted(column.name)} ${column.type}${column.nullable || hasState ? '' : ' NOT NULL'}`,
  );
  const kept = hasState ? `${STATE} text NOT NULL, ${ROW} json` : `${ROW} json NOT NULL`;
  return `CREATE TABLE ${name} (${ID} text COLLATE "C" PRIMARY KEY, ${EVENT_KEY} text NOT NULL, ${kept},
      ${own.join(', ')}) WITH ${STORAGE};
    CREATE INDEX ON ${name} (${quotedList(key)})${hasState ? ` WHERE ${ROW} IS NOT NULL` : ''}`;
}

export function createView(view: string, { name, columns, hasState }: StateTable): string {
  const shown = hasState ? ` WHERE ${ROW} IS NOT NULL` : '';
  return `CREATE VIEW ${view} AS SELECT ${quotedList(columns.map((column) => column.name))} FROM ${name}${shown}`;
}

/** Reads rows, and locks them until the transaction ends. `$1` are their ids. */
export function selectRows({ name, hasState }: StateTable): string {
  const kept = hasState ? `${STATE} AS state, ${ROW}::text AS row` : `${ROW}::text AS state`;
  return `SELECT ${ID} AS id, ${EVENT_KEY} AS event_key, ${kept} FROM ${name}
    WHERE ${ID} = ANY ($1::text[]) ORDER BY ${ID} FOR UPDATE`;
}

/** Reads so many states (`$2`) after an id (`$1`), and locks them until the transaction ends. */
export function selectRowsAfter({ name }: StateTable): string {
  return `SELECT ${ID} AS id, ${EVENT_KEY} AS "eventKey", ${STATE} AS state, ${ROW}::text AS row FROM ${name}
    WHERE ${ID} > $1 ORDER BY ${ID} LIMIT $2 FOR UPDATE`;
}

/** A column that every state table has: whoever alters it makes each process look at the table anew. */
export const FENCE_COLUMN = ID;

/** `$1` are the ids of rows that the transaction has locked. */
export function deleteRows({ name }: StateTable): string {
  return `DELETE FROM ${name} WHERE ${ID} = ANY ($1::text[])`;
}

/**
 * Stores rows. `$1`, `$2` and `$3` are their ids, event keys and JSON, from which Postgres itself reads the values,
 * with all of their digits; `$4` are their states, if the table has them. The rows are sorted, so that two transactions
 * never wait for each other. A row that an INSERT has made has no `xmax`.
 */
export function upsertRows({ name, columns, hasState }: StateTable): string {
  const names = columns.map((column) => quoted(column.name));
  const typed = columns.map((column) => `${quoted(column.name)} ${column.type}`);
  const written = [EVENT_KEY, ROW, ...(hasState ? [STATE] : []), ...names];
  const [arrays, given] = hasState ? [', $4::text[]', ', state'] : ['', ''];
  return `INSERT INTO ${name} (${[ID, ...written].join(', ')})
    SELECT millrace_given.id, millrace_given.event_key, millrace_given.row,
           ${[...(hasState ? ['millrace_given.state'] : []), ...names.map((column) => `millrace_values.${column}`)].join(', ')}
      FROM unnest($1::text[], $2::text[], $3::json[]${arrays}) AS millrace_given (id, event_key, row${given})
      LEFT JOIN LATERAL json_to_record(millrace_given.row) AS millrace_values (${typed.join(', ')}) ON true
     ORDER BY millrace_given.id COLLATE "C"
    ON CONFLICT (${ID}) DO UPDATE SET ${written.map((column) => `${column} = EXCLUDED.${column}`).join(', ')}
    RETURNING xmax = 0 AS inserted`;
}
