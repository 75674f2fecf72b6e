import pg from 'pg';
import { TEXT_SETTINGS } from '../../clients/postgres-types.ts';
import { emptyOut } from './json-text.ts';
import type { FollowedTable } from './relations.ts';
import { keyOf, writeRow } from './row-json.ts';
import { type CatalogueTable, quotedTable } from './tables.ts';
import { emptyTuple, NULL_VALUE, type Tuple } from './tuples.ts';
import { parseSnapshot, type Snapshot } from './visibility.ts';

/** Rows of a table, in the order of its primary key, as one statement saw them. */
export interface Chunk {
  readonly snapshot: Snapshot;
  readonly rows: readonly ChunkRow[];
  /** True when the table has no further row. */
  readonly isLast: boolean;
}

export interface ChunkRow {
  /** The key of its event. */
  readonly key: string;
  /** The JSON of its data. */
  readonly json: string;
  /** The values of its primary key, as Postgres writes them. */
  readonly at: readonly string[];
}

/** Values look the same as in the log. */

/** Reads the rows behind a primary key; from the first one on without it. Undefined: there is none. */
export async function readChunk(
  client: pg.ClientBase,
  {
    table,
    followed,
    after,
    limit,
  }: {
    readonly table: CatalogueTable;
    readonly followed: FollowedTable;
    readonly after: readonly string[] | undefined;
    readonly limit: number;
  },
): Promise<Chunk | undefined> {
  await client.query(TEXT_SETTINGS);
  const query = { text: statementOf(table, after, limit), rowMode: 'array' as const, types: AS_WRITTEN };
  const { rows } = await client.query<(string | null)[]>(query);
  const [first] = rows;
  if (first === undefined) return undefined;
  const keyIndexes = table.primaryKey.map((name) => table.columns.findIndex((column) => column.name === name));
  const out = emptyOut();
  const tuple = emptyTuple();
  return {
    snapshot: parseSnapshot(first[0] ?? ''),
    isLast: rows.length < limit,
    rows: rows.map(([, ...values]) => {
      fill(tuple, values);
      const bytes = writeRow(out, followed, { row: tuple, old: undefined, keyOnly: false });
      return {
        key: keyOf(followed, tuple),
        json: Buffer.from(bytes).toString(),
        at: keyIndexes.map((index) => values[index] ?? ''),
      };
    }),
  };
}

const AS_WRITTEN = { getTypeParser: () => (text: string | Buffer) => String(text) };

function statementOf(
  { written, columns, primaryKey, filter }: CatalogueTable,
  after: readonly string[] | undefined,
  limit: number,
): string {
  const keys = primaryKey.map((name) => pg.escapeIdentifier(name)).join(', ');
  const typeOf = (name: string) => columns.find((column) => column.name === name)?.typeName ?? 'text';
  const behind = after?.map((value, index) => `${pg.escapeLiteral(value)}::${typeOf(primaryKey[index] ?? '')}`);
  const conditions = [
    ...(behind === undefined ? [] : [`(${keys}) > (${behind.join(', ')})`]),
    ...(filter === null ? [] : [`(${filter})`]),
  ];
  return `SELECT pg_current_snapshot()::text, ${columns.map(({ name }) => pg.escapeIdentifier(name)).join(', ')}
    FROM ${quotedTable(written)} ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
   ORDER BY ${keys} LIMIT ${limit}`;
}

function fill(tuple: Tuple, values: readonly (string | null)[]): void {
  tuple.bytes = Buffer.from(values.join(''));
  tuple.count = values.length;
  let at = 0;
  for (const [index, value] of values.entries()) {
    tuple.starts[index] = at;
    const length = value === null ? NULL_VALUE : Buffer.byteLength(value);
    tuple.lengths[index] = length;
    at += Math.max(0, length);
  }
  tuple.start = 0;
  tuple.end = at;
}
