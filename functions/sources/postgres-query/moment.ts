import type pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import type { Bound, TablePosition } from './position.ts';

/** A table at the moment of a snapshot. */
export interface Moment {
  /** Every transaction below is over, and the snapshot sees what it committed. */
  readonly horizon: bigint;
  /** The next transaction gets this id or a higher one. */
  readonly next: bigint;
  /** Who the server, the table and its file are: `TablePosition`. */
  readonly identity: Pick<TablePosition, 'database' | 'table' | 'file'>;
  /** The time of the snapshot, in RFC 3339. */
  readonly at: string;
}

interface MomentRow {
  readonly horizon: string;
  readonly next: string;
  readonly database: string;
  readonly oid: string;
  readonly file: string | null;
  readonly kind: string;
  readonly has_parts: boolean;
  readonly at: string;
}

/**
 * Reads the moment of the transaction's snapshot. Throws a `UserMistake` for what is no plain table: only its rows have
 * a transaction and a place of their own.
 */
export async function readMoment(client: pg.ClientBase, table: { name: string; written: string }): Promise<Moment> {
  const { rows } = await client.query<MomentRow>(
    `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, pg_snapshot_xmax(pg_current_snapshot())::text AS next,
            (SELECT system_identifier::text FROM pg_control_system()) || '/' ||
            (SELECT timeline_id::text FROM pg_control_checkpoint()) || '/' ||
            (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database()) AS database,
            c.oid::text AS oid, pg_relation_filenode(c.oid)::text AS file, c.relkind::text AS kind,
            EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid) AS has_parts,
            to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
       FROM pg_catalog.pg_class c WHERE c.oid = to_regclass($1)`,
    [table.name],
  );
  const [row] = rows;
  if (row === undefined) throw new UserMistake(`the table ${table.written} does not exist: correct 'table'`);
  const { horizon, next, database, oid, file, kind, has_parts: hasParts, at } = row;
  if (kind === 'p' || hasParts)
    throw new UserMistake(
      `the table ${table.written} has partitions or children, and rows of two of them may have one place: read each of them with a source of its own, or read a query with an incrementing column`,
    );
  if (kind !== 'r' || file === null)
    throw new UserMistake(
      `${table.written} is no table, and only the rows of a table say which transaction wrote them: read a query with an incrementing column`,
    );
  return { horizon: BigInt(horizon), next: BigInt(next), identity: { database, table: oid, file }, at };
}

/** Rows whose transaction is older than this cannot be told from new ones. */
const FARTHEST = 2n ** 31n;

/** Where a run begins. */
export interface Beginning {
  readonly position: TablePosition;
  /** True when the position is not stored yet: nothing of it may be read before. */
  readonly isNew: boolean;
}

/**
 * Returns where to read on. Ids and places name the same rows only in one file of one table of one server. After a
 * rewrite (VACUUM FULL) the rows below the horizon are still read, so only the window that was being read begins again.
 * On another server or table, after a failover, and after 2^31 transactions, all rows are read again. Each counts as a
 * new generation.
 */
export function beginningAt(from: TablePosition | undefined, { next, identity }: Moment): Beginning {
  const fresh = { ...identity, below: '0', bounds: [] };
  if (from === undefined) return { position: { generation: 0, ...fresh }, isNew: true };
  const generation = from.generation + 1;
  const below = BigInt(from.below);
  const isSame = from.database === identity.database && from.table === identity.table;
  if (!isSame || below > next || next - below >= FARTHEST) return { position: { generation, ...fresh }, isNew: true };
  if (from.file === identity.file) return { position: from, isNew: false };
  const { window, ...rest } = from;
  return {
    position: { ...rest, ...identity, generation, below: window?.after?.xid ?? from.below },
    isNew: true,
  };
}

/** How many bounds a position keeps. Fewer are right as well, and make the scan longer. */
const MOST_BOUNDS = 50;

/** Adds the bound of a moment, and drops those that a later one has overtaken. */
export function boundsAfter(bounds: readonly Bound[], added: Bound | undefined, below: bigint): Bound[] {
  const all = added === undefined ? [...bounds] : [...bounds, added];
  const last = all.findLastIndex(({ xid }) => BigInt(xid) <= below);
  const kept = all.slice(Math.max(0, last));
  return kept.length <= MOST_BOUNDS ? kept : kept.filter((_, index) => index % 2 === 0);
}

/** Returns the highest value below which no row is that is not below the horizon. Undefined: none is known. */
export function boundAt(bounds: readonly Bound[], below: bigint): string | undefined {
  return bounds.findLast(({ xid }) => BigInt(xid) <= below)?.value;
}
