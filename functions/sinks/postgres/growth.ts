import type pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import type { Column } from './columns.ts';
import { quoted } from './names.ts';
import { isWider, rounds } from './wider-types.ts';

/** How one column of a table has to change before it holds every value of its field. */
export interface Growth {
  readonly column: string;
  /** A part of ALTER TABLE. */
  readonly change: string;
  /** False for a column that is missing: the table has it already, but a value may not fit. */
  readonly isNew: boolean;
  /** True when the column would round a value, and not refuse it: then the first row needs the change. */
  readonly isUrgent: boolean;
  /** A condition on a row whose value the change would not keep. Undefined: it keeps all. */
  readonly loses?: string;
}

/** A row needs the growth of these columns: the transaction has to begin again, with the growth. */
export class TableTooNarrow extends Error {
  readonly columns: readonly string[];

  constructor(table: string, columns: readonly string[]) {
    super(`the table ${table} has to be altered for a row: ${columns.join(', ')}`);
    this.name = 'TableTooNarrow';
    this.columns = columns;
  }
}

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  readonly not_null: boolean;
  readonly generated: boolean;
}

/**
 * Compares a table with the columns that its rows need: a missing column is added and may be null, a type grows to a
 * wider one, and a column that is not always there may be null. Nothing else changes: what is wider already, or another
 * type altogether, stays as it is. `key` are columns that are never null.
 */
export async function growthOf(
  client: pg.ClientBase,
  name: string,
  { columns, key = [] }: { readonly columns: readonly Column[]; readonly key?: readonly string[] | undefined },
): Promise<ReadonlyMap<string, Growth>> {
  const { rows } = await client.query<FoundColumn>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
            a.attgenerated <> '' OR a.attidentity = 'a' AS generated
       FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`,
    [name],
  );
  const found = new Map(rows.map((row) => [row.name, row]));
  const growths = columns.flatMap((column) => growthFor(column, found.get(column.name), key.includes(column.name)));
  return new Map(growths.map((growth) => [growth.column, growth]));
}

function growthFor(
  { name, type, nullable }: Column,
  found: FoundColumn | undefined,
  isKey: boolean,
): readonly Growth[] {
  const column = quoted(name);
  const plain = { column: name, isNew: false, isUrgent: false };
  if (found === undefined) return [{ ...plain, change: `ADD COLUMN IF NOT EXISTS ${column} ${type}`, isNew: true }];
  if (found.generated) return [];
  const widened = isWider(type, found.type)
    ? [`ALTER COLUMN ${column} TYPE ${type} USING ${castTo(type, found, column)}`]
    : [];
  const freed = nullable && found.not_null && !isKey ? [`ALTER COLUMN ${column} DROP NOT NULL`] : [];
  const change = [...widened, ...freed].join(', ');
  if (change === '') return [];
  const isInexact = widened.length > 0 && found.type === 'bigint' && type === 'double precision';
  return [
    {
      ...plain,
      change,
      isUrgent: widened.length > 0 && rounds(found.type, type),
      ...(isInexact ? { loses: `abs(${column}::numeric) > ${Number.MAX_SAFE_INTEGER}` } : {}),
    },
  ];
}

/** A date's text is that of ISO 8601, whatever the session's style. */
function castTo(type: string, found: FoundColumn, column: string): string {
  return found.type === 'date' && type === 'text' ? `to_char(${column}, 'YYYY-MM-DD')` : `${column}::${type}`;
}

/**
 * Locks the table and alters it, in the open transaction. Gives up soon when others use the table: the caller comes
 * again. `stillPending` looks again once the table is locked, because somebody else may have altered it meanwhile.
 */
export async function growTable(
  client: pg.ClientBase,
  table: { readonly name: string; readonly written: string },
  { pending, stillPending }: { readonly pending: readonly Growth[]; stillPending(): Promise<readonly Growth[]> },
): Promise<void> {
  const { name, written } = table;
  const alter = (growths: readonly Growth[]): string =>
    `ALTER TABLE ${name} ${growths.map(({ change }) => change).join(', ')}`;
  try {
    await client.query(
      `SET LOCAL lock_timeout = '${LOCK_MILLIS}ms'; LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE; SET LOCAL lock_timeout TO DEFAULT`,
    );
    const needed = await stillPending();
    for (const growth of needed) await refuseLoss(client, table, growth);
    if (needed.length > 0) await client.query(alter(needed));
  } catch (error) {
    const { code, message } = error as pg.DatabaseError;
    if (code === LOCKED)
      throw new Error(
        `the table ${written} has to be altered, and somebody uses it for longer than ${LOCK_MILLIS} ms: the rows come again`,
      );
    if (!CANNOT.has(code ?? '')) throw error;
    throw new UserMistake(
      `cannot alter the table ${written}: ${message}: let this user own the table, or alter it yourself: ${alter(pending)}`,
    );
  }
}

/** Other sessions wait behind a lock that is waited for, so the wait is short. */
const LOCK_MILLIS = 2_000;
const LOCKED = '55P03';

/** No permission, no table but a view, a view or a rule that uses the column, no such type. */
const CANNOT = new Set(['42501', '42809', '0A000', '42704', '2BP01']);

async function refuseLoss(
  client: pg.ClientBase,
  { name, written }: { readonly name: string; readonly written: string },
  { column, loses }: Growth,
): Promise<void> {
  if (loses === undefined) return;
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM ${name} WHERE ${loses}) AS found`,
  );
  if (rows[0]?.found === true)
    throw new UserMistake(
      `the column ${column} of the table ${written} has numbers above 2^53, which double precision would round: alter table ${name} alter column ${quoted(column)} type numeric`,
    );
}
