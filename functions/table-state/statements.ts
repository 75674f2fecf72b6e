import type { Column } from '../sinks/postgres/columns.ts';
import { quoted, quotedList } from '../sinks/postgres/names.ts';
import { STORAGE } from './storage.ts';

/** Our own columns of a state table. */
const ID = '"millrace id"';
const EVENT_KEY = '"millrace event key"';
export const ROW = '"millrace row"';
const STATE = '"millrace state"';
const WINDOW_START = '"millrace window start"';
/** The column by which operators count the windows of a table, unquoted: the end in milliseconds since 1970. */
export const WINDOW_END_COLUMN = 'millrace window end';
const WINDOW_END = `"${WINDOW_END_COLUMN}"`;
const HASH = '"millrace hash"';
const OPEN = '"millrace open"';
const GROUP = '"millrace group"';

/** The table that holds the rows, quoted, and the columns of its rows. */
export interface StateTable {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Whether it holds a state beside each row. Then the row of a state that the table does not show is null. */
  readonly hasState: boolean;
  /** Whether each row is of a window. */
  readonly hasWindows: boolean;
  /** Whether its rows are the events of a join of two streams, which wait. Then the view shows all of them. */
  readonly isWaiting?: boolean;
}

/**
 * The row's JSON is stored beside its columns. A column may write a value otherwise than it came, a time for example,
 * and `reduce` gets exactly what it made before.
 *
 * No index reads what each event changes, not even in its WHERE: then Postgres puts the new version of a row into the
 * same page, and leaves the indexes alone.
 */
export function createState(
  { name, columns, hasState, hasWindows, isWaiting }: StateTable,
  key: readonly string[],
): string {
  const own = columns.map(
    (column) => `${quoted(column.name)} ${column.type}${column.nullable || hasState ? '' : ' NOT NULL'}`,
  );
  const kept = hasState ? `${STATE} text NOT NULL, ${ROW} json` : `${ROW} json NOT NULL`;
  const window = hasWindows
    ? ` ${WINDOW_START} bigint NOT NULL, ${WINDOW_END} bigint NOT NULL, ${HASH} text COLLATE "C" NOT NULL,
      ${OPEN} boolean NOT NULL, ${GROUP} text COLLATE "C",`
    : '';
  return `CREATE TABLE ${name} (${ID} text COLLATE "C" PRIMARY KEY, ${EVENT_KEY} text NOT NULL, ${kept},${window}
      ${own.join(', ')}) WITH ${STORAGE}${isWaiting ? '' : `; CREATE INDEX ON ${name} (${quotedList(key)})`}${
        hasWindows
          ? `; CREATE INDEX ON ${name} (${WINDOW_END}); CREATE INDEX ON ${name} (${WINDOW_END}) WHERE ${OPEN};
        CREATE INDEX ON ${name} (${GROUP}, ${WINDOW_END}) WHERE ${GROUP} IS NOT NULL`
          : ''
      }`;
}

export function createView(
  view: string,
  { name, columns, hasState, hasWindows, isWaiting }: StateTable,
  how: '' | 'OR REPLACE' = '',
): string {
  const conditions = [
    ...(hasState ? [`${ROW} IS NOT NULL`] : []),
    ...(hasWindows && !isWaiting ? [`NOT ${OPEN}`] : []),
  ];
  const shown = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `CREATE ${how} VIEW ${view} AS SELECT ${quotedList(columns.map((column) => column.name))} FROM ${name}${shown}`;
}

/**
 * Reads rows with their versions, and locks none: whoever updates them finds out whether they still are what was read.
 * `$1` are their ids.
 */
export function selectRows(state: StateTable): string {
  return `SELECT ${read(state)} FROM ${state.name} AS millrace_row WHERE ${ID} = ANY ($1::text[])`;
}

/** Reads so many rows (`$3`) whose ids lie between `$1` and `$2`, in their order. */
export function selectBetween(state: StateTable): string {
  return `SELECT ${read(state)} FROM ${state.name} AS millrace_row WHERE ${ID} > $1 AND ${ID} < $2 ORDER BY ${ID} LIMIT $3`;
}

/** Finds the ranges of ids, from `$1` to `$2`, in which a row lies; their numbers count from 1. */
export function selectOccupied({ name }: StateTable): string {
  return `SELECT millrace_range.number::int AS number
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS millrace_range (above, below, number)
     WHERE EXISTS (SELECT FROM ${name} WHERE ${ID} > millrace_range.above COLLATE "C"
                                         AND ${ID} < millrace_range.below COLLATE "C")`;
}

/** A row as the statements below read it: the values in this order. */
export type ReadRow = readonly [
  id: string,
  /** Where the row lies, and the transaction that wrote it there. */
  tid: string,
  version: string,
  eventKey: string,
  state: string,
  /** Null: hidden, or the table has no states: then the state is the row. */
  row: string | null,
  /** Undefined in a table without windows. `bigint` comes as a text. */
  start?: string,
  end?: string,
  hash?: string,
  open?: boolean,
  /** Null: the window is no session. */
  group?: string | null,
];

function read({ hasState, hasWindows }: StateTable): string {
  const kept = hasState ? [STATE, `${ROW}::text`] : [`${ROW}::text`, 'NULL'];
  const window = hasWindows ? [WINDOW_START, WINDOW_END, HASH, OPEN, GROUP] : [];
  return [ID, 'millrace_row.ctid', 'millrace_row.xmin', EVENT_KEY, ...kept, ...window].join(', ');
}

/** Reads and locks `$4` of the rows of the groups `$1` that overlap the times from `$2` to `$3`, group by group. */
export function selectNear(state: StateTable): string {
  return `SELECT ${read(state)} FROM ${state.name} AS millrace_row
     JOIN unnest($1::text[], $2::bigint[], $3::bigint[])
       AS millrace_near ("millrace near", "millrace since", "millrace until")
       ON ${GROUP} = "millrace near" AND ${WINDOW_END} >= "millrace since" AND ${WINDOW_START} <= "millrace until"
    ORDER BY ${ID} LIMIT $4 FOR UPDATE OF millrace_row`;
}

/** Counts the rows of the groups `$1`. */
export function countGroups({ name }: StateTable): string {
  return `SELECT ${GROUP} AS "group", count(*)::int AS count FROM ${name} WHERE ${GROUP} = ANY ($1::text[]) GROUP BY ${GROUP}`;
}

/**
 * Reads and locks rows whose windows close: at most `$4` of those that end at `$1` or earlier, of events whose hashes
 * are from `$2` to `$3`. Always in one order, so that every replay closes the windows of a shard in the same one.
 */
export function selectDue(state: StateTable): string {
  return `SELECT ${read(state)} FROM ${state.name} AS millrace_row
    WHERE ${OPEN} AND ${WINDOW_END} <= $1 AND ${HASH} BETWEEN $2 AND $3
    ORDER BY ${WINDOW_END}, ${ID} LIMIT $4 FOR UPDATE`;
}

/** Reads when the oldest window ends that is open, in any shard. */
export function selectOldestOpen({ name }: StateTable): string {
  return `SELECT min(${WINDOW_END}) AS "end" FROM ${name} WHERE ${OPEN}`;
}

/** `$1` are the ids of rows that the transaction has locked. */
export function closeRows({ name }: StateTable): string {
  return `UPDATE ${name} SET ${OPEN} = false WHERE ${ID} = ANY ($1::text[])`;
}

/** Deletes at most `$4` rows whose windows end at `$1` or earlier, of events whose hashes are from `$2` to `$3`. */
export function deleteGone({ name }: StateTable): string {
  return `DELETE FROM ${name} WHERE ${ID} IN (
    SELECT ${ID} FROM ${name} WHERE NOT ${OPEN} AND ${WINDOW_END} <= $1 AND ${HASH} BETWEEN $2 AND $3
     ORDER BY ${WINDOW_END}, ${ID} LIMIT $4 FOR UPDATE)`;
}

/** Reads so many states (`$2`) after an id (`$1`), and locks them until the transaction ends. */
export function selectRowsAfter({ name }: StateTable): string {
  return `SELECT ${ID} AS id, ${EVENT_KEY} AS "eventKey", ${STATE} AS state, ${ROW}::text AS row FROM ${name}
    WHERE ${ID} > $1 ORDER BY ${ID} LIMIT $2 FOR UPDATE`;
}

/** Lists so many ids (`$2`) of several states after an id (`$1`). */
export function selectIdsAfter(states: readonly StateTable[]): string {
  const each = states.map(({ name }) => `(SELECT ${ID} AS id FROM ${name} WHERE ${ID} > $1 ORDER BY ${ID} LIMIT $2)`);
  return `SELECT id FROM (${each.join(' UNION ')}) AS ids ORDER BY id LIMIT $2`;
}

/** A column that every state table has: whoever alters it makes each process look at the table anew. */
export const FENCE_COLUMN = ID;

/** `$1` are the ids of rows. */
export function deleteRows({ name }: StateTable): string {
  return `DELETE FROM ${name} WHERE ${ID} = ANY ($1::text[])`;
}

/** `$1` are the ids of rows, and `$2` and `$3` their versions: rows that have another one by now stay. */
export function deleteVersions({ name }: StateTable): string {
  return `DELETE FROM ${name} AS millrace_row USING unnest($1::text[], $2::text[], $3::text[]) AS millrace_given (id, tid, version)
    WHERE ${ID} = millrace_given.id AND ${HAS_VERSION}`;
}

/** Tells whether a row still is the version that was read, also where the statement has waited for another client. */
const HAS_VERSION = 'millrace_row.ctid = millrace_given.tid::tid AND millrace_row.xmin = millrace_given.version::xid';

/**
 * Updates rows that were read: rows that have another version by now stay. All parameters are `text[]`. `$1` and `$2`
 * are the versions. Behind them come the event keys and the rows' JSON, from which Postgres itself reads the values,
 * with all of their digits; then the states, if the table has them, and where the rows' windows stand in time. A row is
 * found where it lies, without an index.
 */
export function updateRows(state: StateTable): string {
  const { name, columns } = state;
  const given = givenColumns(state);
  const sets = given.map(({ column, as, type }) => `${column} = millrace_given.${as}::${type}`);
  const values = columns.map((column) => `${quoted(column.name)} = millrace_values.${quoted(column.name)}`);
  return `UPDATE ${name} AS millrace_row SET ${[...sets, ...values].join(', ')}
      FROM unnest($1::text[], $2::text[]${given.map((_, index) => `, $${index + 3}::text[]`).join('')})
             WITH ORDINALITY AS millrace_given (tid, version, ${given.map(({ as }) => as).join(', ')}, number)
      ${valuesOfRows(state)}
     WHERE ${HAS_VERSION}
    RETURNING millrace_given.number::int, millrace_row.ctid, millrace_row.xmin`;
}

/**
 * Stores rows. `$1` are their ids; the others as above, without versions. The rows are sorted, so that two transactions
 * never wait for each other. A row that an INSERT has made has no `xmax`.
 */
export function upsertRows(state: StateTable): string {
  const { name, columns } = state;
  const given = givenColumns(state);
  const names = columns.map((column) => quoted(column.name));
  const written = [...given.map(({ column }) => column), ...names];
  const values = [
    ...given.map(({ as, type }) => `millrace_given.${as}::${type}`),
    ...names.map((each) => `millrace_values.${each}`),
  ];
  return `INSERT INTO ${name} (${[ID, ...written].join(', ')})
    SELECT ${['millrace_given.id', ...values].join(', ')}
      FROM unnest($1::text[]${given.map((_, index) => `, $${index + 2}::text[]`).join('')})
             AS millrace_given (id, ${given.map(({ as }) => as).join(', ')})
      ${valuesOfRows(state)}
     ORDER BY millrace_given.id COLLATE "C"
    ON CONFLICT (${ID}) DO UPDATE SET ${written.map((column) => `${column} = EXCLUDED.${column}`).join(', ')}
    RETURNING ${ID}, ctid, xmin, xmax = 0`;
}

function valuesOfRows({ columns }: StateTable): string {
  const typed = columns.map((column) => `${quoted(column.name)} ${column.type}`);
  return `LEFT JOIN LATERAL json_to_record(millrace_given.row::json) AS millrace_values (${typed.join(', ')}) ON true`;
}

/** Returns the columns of our own that statements write, in the order of their parameters. */
function givenColumns({ hasState, hasWindows }: StateTable): typeof WINDOW_COLUMNS {
  return [
    { column: EVENT_KEY, as: 'event_key', type: 'text' },
    { column: ROW, as: 'row', type: 'json' },
    ...(hasState ? [{ column: STATE, as: 'state', type: 'text' }] : []),
    ...(hasWindows ? WINDOW_COLUMNS : []),
  ];
}

const WINDOW_COLUMNS = [
  { column: WINDOW_START, as: 'window_start', type: 'bigint' },
  { column: WINDOW_END, as: 'window_end', type: 'bigint' },
  { column: HASH, as: 'hash', type: 'text' },
  { column: OPEN, as: 'open', type: 'boolean' },
  { column: GROUP, as: 'group_id', type: 'text' },
];
