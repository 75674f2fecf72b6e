import { randomBytes } from 'node:crypto';
import type { Database } from '../../clients/postgres.ts';
import { type Chunk, type ChunkRow, readChunk } from './chunk-rows.ts';
import { MESSAGE_PREFIX } from './decode.ts';
import { encodeRows, type FixedChunk } from './fixed-chunk.ts';
import { formatLsn, type Lsn } from './lsn.ts';
import { overrule, type SeenChange } from './overrule.ts';
import type { SnapshotState } from './position.ts';
import type { FollowedTable } from './relations.ts';
import { progressOf, type SnapshotProgress } from './snapshot-progress.ts';
import type { CatalogueTable } from './tables.ts';
import { parseSnapshot, type Snapshot, sees } from './visibility.ts';

/**
 * Reads the rows that tables have already, in chunks, while the log is read: of several tables at once, in the order in
 * which they are left. No lock is held, and no transaction is long. A message is written to the log behind each chunk.
 * Where the log has the message, the chunk's rows are put into the stream: without those that the log has changed
 * since, because a transaction that the chunk's statement did not see overrules it.
 */
export interface TakingSnapshot {
  /** Call this for each change of a table that the log has, in its order. */
  changed(table: string, change: SeenChange): void;
  /** Call this when the log has a TRUNCATE of a table. */
  truncated(table: string): void;
  /** Call this for each transaction that has been read to its end. */
  passed(xid: number): void;
  /**
   * Call this for each message of ours that stands between transactions. Returns true when a chunk can be put there.
   */
  reached(content: string, lsn: Lsn): boolean;
  /**
   * Starts to read the next chunks, as many as there are connections. `current` is the transaction in the middle of
   * which the reader stands. Throws when a chunk could not be read.
   */
  readOn(current: number | undefined): void;
  /** Resolves when few transactions have to be remembered. Call this before each page. */
  prune(): Promise<void>;
  /**
   * Takes the chunk that was reached: at most as many of its rows as `room` bytes of a position hold, and one at least.
   * Undefined: it has to be read again, or has no rows.
   */
  take(room: number): FixedChunk | undefined;
  /** What the position has of the snapshot. Undefined: all rows are in the stream. */
  now(): SnapshotState | undefined;
  /** How far the snapshot is. Undefined: all rows are in the stream. */
  progress(): SnapshotProgress | undefined;
}

export interface SnapshotTable {
  readonly table: CatalogueTable;
  readonly followed: FollowedTable;
}

interface OpenChunk {
  readonly content: string;
  readonly table: string;
  readonly lane: Database;
  chunk: Chunk | 'empty' | undefined;
  readonly changes: SeenChange[];
  /** Transactions that were passed before the statement was sent, and that no statement has seen finished. */
  readonly before: readonly number[];
  lsn: Lsn | undefined;
  /** True when the log has something that no chunk takes into account: it is read again. */
  isSpoiled: boolean;
}

const FIRST_ROWS = 500;
const MOST_ROWS = 5_000;

/** So many changes are remembered for all chunks that are being read. */
const MOST_CHANGES = 200_000;

/** So many transactions are remembered that no snapshot has shown finished. */
export const MOST_PASSED = 1_000;

export function takeSnapshot(
  from: SnapshotState,
  {
    slot,
    tables,
    database,
    lanes,
    isPaused,
    signal,
  }: {
    readonly slot: string;
    readonly tables: ReadonlyMap<string, SnapshotTable>;
    readonly database: Database;
    /** A connection for each table that is read at the same time. */
    readonly lanes: readonly Database[];
    /** True: no chunk is read for now. */
    readonly isPaused: boolean;
    readonly signal: AbortSignal;
  },
): TakingSnapshot {
  let { passed } = from;
  let left = from.left.filter(({ table }) => tables.has(table));
  const free = [...lanes];
  /** The chunks that are being read, by table. */
  const open = new Map<string, OpenChunk>();
  /** How many rows the next chunk of a table has. */
  const limits = new Map<string, number>();
  const begunMillis = Date.now();
  let rowsRead = 0;
  let failure: unknown;

  const start = (next: SnapshotState['left'][number], lane: Database): void => {
    const content = `${slot}:${randomBytes(12).toString('base64url')}`;
    const begun: OpenChunk = {
      content,
      table: next.table,
      lane,
      chunk: undefined,
      changes: [],
      before: passed,
      lsn: undefined,
      isSpoiled: false,
    };
    open.set(next.table, begun);
    const known = tables.get(next.table) as SnapshotTable;
    const limit = limits.get(next.table) ?? FIRST_ROWS;
    lane
      .use(signal, async (client) => {
        begun.chunk = (await readChunk(client, { ...known, after: next.after, limit })) ?? 'empty';
        await client.query('SELECT pg_logical_emit_message(false, $1, $2)', [MESSAGE_PREFIX, content]);
      })
      .catch((error: unknown) => {
        failure ??= error;
      });
  };

  /** Forgets a chunk. What is not taken of it is read again. */
  const drop = ({ table, lane }: OpenChunk): void => {
    open.delete(table);
    free.push(lane);
  };

  /** Goes on behind the rows that were taken. */
  const advance = (name: string, rows: readonly ChunkRow[], isDone: boolean): void => {
    rowsRead += rows.length;
    left = left.flatMap((one) => {
      if (one.table !== name) return [one];
      if (isDone) return [];
      const after = rows.at(-1)?.at ?? one.after;
      return [{ table: name, rows: one.rows + rows.length, ...(after === undefined ? {} : { after: [...after] }) }];
    });
  };

  const unseenBy = (snapshot: Snapshot, xids: readonly number[]) => xids.filter((xid) => !sees(snapshot, xid));

  /** Keeps memory in bounds: the chunk with the most changes is read again, later. */
  const dropLargest = (): void => {
    const chunks = [...open.values()];
    if (chunks.reduce((sum, { changes }) => sum + changes.length, 0) <= MOST_CHANGES) return;
    const largest = chunks.toSorted((one, other) => other.changes.length - one.changes.length)[0];
    if (largest !== undefined) drop(largest);
  };

  return {
    changed(table, change) {
      open.get(table)?.changes.push(change);
    },
    truncated(table) {
      const chunk = open.get(table);
      if (chunk !== undefined) chunk.isSpoiled = true;
    },
    passed(xid) {
      passed = [...passed, xid];
    },
    reached(content, lsn) {
      const chunk = [...open.values()].find((one) => one.content === content);
      if (chunk === undefined) return false;
      chunk.lsn = lsn;
      return true;
    },
    readOn(current) {
      if (failure !== undefined) throw failure;
      dropLargest();
      if (isPaused) return;
      for (const next of left) {
        if (open.has(next.table)) continue;
        const lane = free.pop();
        if (lane === undefined) return;
        // Its first changes were passed before the chunk began.
        if (current !== undefined && !passed.includes(current)) passed = [...passed, current];
        start(next, lane);
      }
    },
    async prune() {
      if (passed.length < MOST_PASSED / 2) return;
      const snapshot = await database.use(signal, async (client) => {
        const { rows } = await client.query<{ text: string }>('SELECT pg_current_snapshot()::text AS text');
        return parseSnapshot(rows[0]?.text ?? '');
      });
      passed = unseenBy(snapshot, passed);
      if (passed.length >= MOST_PASSED)
        throw new Error(`${passed.length} transactions are in the log that no statement sees`);
    },
    take(room) {
      const taken = [...open.values()].find(({ lsn }) => lsn !== undefined);
      if (taken?.lsn === undefined || taken.chunk === undefined) return undefined;
      drop(taken);
      if (taken.chunk === 'empty') {
        advance(taken.table, [], true);
        return undefined;
      }
      const { snapshot, rows, isLast } = taken.chunk;
      passed = unseenBy(snapshot, passed);
      if (unseenBy(snapshot, taken.before).length > 0 || taken.isSpoiled) return undefined;
      const unseen = taken.changes.filter(({ xid }) => !sees(snapshot, xid));
      const fitting = fittingRows(rows, room);
      const limit = limits.get(taken.table) ?? FIRST_ROWS;
      limits.set(
        taken.table,
        fitting.length < rows.length ? Math.max(1, fitting.length) : Math.min(MOST_ROWS, limit * 2),
      );
      const wanted = overrule(fitting, unseen);
      advance(taken.table, fitting, isLast && fitting.length === rows.length);
      if (wanted.length === 0) return undefined;
      const { table, followed } = tables.get(taken.table) as SnapshotTable;
      return {
        table: table.table,
        ...(followed.to === undefined ? {} : { to: followed.to }),
        lsn: formatLsn(taken.lsn),
        time: new Date().toISOString(),
        rows: encodeRows(wanted.map(({ key, json }) => [key, json])),
        next: 0,
      };
    },
    now: () => (left.length === 0 ? undefined : { left, passed: [...passed] }),
    progress: () =>
      left.length === 0
        ? undefined
        : progressOf(left, {
            rowsOf: (table) => tables.get(table)?.table.rows,
            isPaused,
            most: lanes.length,
            speed: { rows: rowsRead, millis: Date.now() - begunMillis },
          }),
  };
}

/** Returns as many of the first rows as `room` bytes of a position hold. One at least. */
function fittingRows(rows: readonly ChunkRow[], room: number): readonly ChunkRow[] {
  let count = rows.length;
  while (count > 1 && encodeRows(rows.slice(0, count).map(({ key, json }) => [key, json])).length > room)
    count = Math.ceil(count / 2);
  return rows.slice(0, count);
}
