import { randomBytes } from 'node:crypto';
import type { Database } from '../../clients/postgres.ts';
import { type Chunk, type ChunkRow, readChunk } from './chunk-rows.ts';
import { MESSAGE_PREFIX } from './decode.ts';
import { encodeRows, type FixedChunk, MOST_FIXED_BYTES } from './fixed-chunk.ts';
import { formatLsn, type Lsn } from './lsn.ts';
import { overrule, type SeenChange } from './overrule.ts';
import type { SnapshotState } from './position.ts';
import type { FollowedTable } from './relations.ts';
import type { CatalogueTable } from './tables.ts';
import { parseSnapshot, type Snapshot, sees } from './visibility.ts';

/**
 * Reads the rows that tables have already, in chunks, while the log is read. No lock is held, and no transaction is
 * long. A message is written to the log behind each chunk. Where the log has the message, the chunk's rows are put into
 * the stream: without those that the log has changed since, because a transaction that the chunk's statement did not
 * see overrules it.
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
   * Starts to read the next chunk, when none is under way. `current` is the transaction in the middle of which the
   * reader stands. Throws when a chunk could not be read.
   */
  readOn(current: number | undefined): void;
  /** Resolves when few transactions have to be remembered. Call this before each page. */
  prune(): Promise<void>;
  /** Takes the chunk that was reached. Undefined: it has to be read again, or has no rows. */
  take(): FixedChunk | undefined;
  /** What the position has of the snapshot. Undefined: all rows are in the stream. */
  now(): SnapshotState | undefined;
}

export interface SnapshotTable {
  readonly table: CatalogueTable;
  readonly followed: FollowedTable;
}

interface OpenChunk {
  readonly content: string;
  readonly table: string;
  readonly limit: number;
  chunk: Chunk | 'empty' | undefined;
  readonly changes: SeenChange[];
  /** Transactions that were passed since the statement was sent. */
  readonly passed: number[];
  lsn: Lsn | undefined;
  /** True when the log has something that no chunk takes into account: it is read again. */
  isSpoiled: boolean;
}

const FIRST_ROWS = 500;
const MOST_ROWS = 5_000;
const MOST_CHANGES = 200_000;

/** So many transactions are remembered that no snapshot has shown finished. */
export const MOST_PASSED = 1_000;

export function takeSnapshot(
  from: SnapshotState,
  {
    slot,
    tables,
    database,
    signal,
  }: {
    readonly slot: string;
    readonly tables: ReadonlyMap<string, SnapshotTable>;
    readonly database: Database;
    readonly signal: AbortSignal;
  },
): TakingSnapshot {
  let { left, passed } = from;
  let limit = FIRST_ROWS;
  let open: OpenChunk | undefined;
  let failure: unknown;

  const start = (): void => {
    const [next] = left;
    const known = next === undefined ? undefined : tables.get(next.table);
    if (next === undefined) return;
    if (known === undefined) {
      left = left.slice(1);
      return;
    }
    const content = `${slot}:${randomBytes(12).toString('base64url')}`;
    const begun: OpenChunk = {
      content,
      table: next.table,
      limit,
      chunk: undefined,
      changes: [],
      passed: [],
      lsn: undefined,
      isSpoiled: false,
    };
    open = begun;
    database
      .use(signal, async (client) => {
        begun.chunk = (await readChunk(client, { ...known, after: next.after, limit })) ?? 'empty';
        await client.query('SELECT pg_logical_emit_message(false, $1, $2)', [MESSAGE_PREFIX, content]);
      })
      .catch((error: unknown) => {
        failure ??= error;
      });
  };

  /** Goes on behind the rows that were taken. */
  const advance = (rows: readonly ChunkRow[], isDone: boolean): void => {
    const [current, ...others] = left;
    if (current === undefined) return;
    const after = rows.at(-1)?.at ?? current.after;
    left = isDone
      ? others
      : [
          {
            table: current.table,
            rows: current.rows + rows.length,
            ...(after === undefined ? {} : { after: [...after] }),
          },
          ...others,
        ];
  };

  const unseenBy = (snapshot: Snapshot, xids: readonly number[]) => xids.filter((xid) => !sees(snapshot, xid));

  return {
    changed(table, change) {
      if (open?.table === table) open.changes.push(change);
    },
    truncated(table) {
      if (open?.table === table) open.isSpoiled = true;
    },
    passed(xid) {
      (open?.passed ?? passed).push(xid);
    },
    reached(content, lsn) {
      if (open?.content !== content) return false;
      open.lsn = lsn;
      return true;
    },
    readOn(current) {
      if (failure !== undefined) throw failure;
      if (open === undefined) {
        // Its first changes were passed before the chunk began.
        if (current !== undefined && !passed.includes(current)) passed = [...passed, current];
        start();
      }
      // A chunk that waits behind so many changes is read again, later.
      else if (open.changes.length > MOST_CHANGES) {
        passed = [...passed, ...open.passed];
        open = undefined;
      }
    },
    async prune() {
      if (passed.length + (open?.passed.length ?? 0) < MOST_PASSED / 2) return;
      const snapshot = await database.use(signal, async (client) => {
        const { rows } = await client.query<{ text: string }>('SELECT pg_current_snapshot()::text AS text');
        return parseSnapshot(rows[0]?.text ?? '');
      });
      passed = unseenBy(snapshot, passed);
      if (passed.length + (open?.passed.length ?? 0) < MOST_PASSED) return;
      if (open === undefined) throw new Error(`${passed.length} transactions are in the log that no statement sees`);
      // Remembered as passed before the chunk, they are forgotten with the next snapshot.
      passed = unseenBy(snapshot, [...passed, ...open.passed]);
      open.isSpoiled = true;
      open.passed.length = 0;
    },
    take() {
      const taken = open;
      if (taken?.lsn === undefined || taken.chunk === undefined) return undefined;
      open = undefined;
      if (taken.chunk === 'empty') {
        passed = [...passed, ...taken.passed];
        advance([], true);
        return undefined;
      }
      const { snapshot, rows, isLast } = taken.chunk;
      const early = unseenBy(snapshot, passed);
      passed = [...early, ...unseenBy(snapshot, taken.passed)];
      if (early.length > 0 || taken.isSpoiled) return undefined;
      const unseen = taken.changes.filter(({ xid }) => !sees(snapshot, xid));
      const fitting = fittingRows(rows);
      limit = fitting.length < rows.length ? Math.max(1, fitting.length) : Math.min(MOST_ROWS, limit * 2);
      const wanted = overrule(fitting, unseen);
      advance(fitting, isLast && fitting.length === rows.length);
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
    now: () => (left.length === 0 ? undefined : { left, passed: [...passed, ...(open?.passed ?? [])] }),
  };
}

/** Returns as many of the first rows as a position takes. One at least. */
function fittingRows(rows: readonly ChunkRow[]): readonly ChunkRow[] {
  let count = rows.length;
  while (count > 1 && encodeRows(rows.slice(0, count).map(({ key, json }) => [key, json])).length > MOST_FIXED_BYTES)
    count = Math.ceil(count / 2);
  return rows.slice(0, count);
}
