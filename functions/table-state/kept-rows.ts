import type { StoredRow } from './fold.ts';
import type { StateTable } from './statements.ts';

/** A row that a process has read or written, and where it lies: that, and the transaction that put it there. */
export interface KeptRow {
  readonly row: StoredRow;
  readonly tid: string;
  readonly version: string;
}

/** A state table as it was read: its fingerprint changes when somebody alters it. */
type Prepared = StateTable & { readonly fingerprint: string };

/** Rows of a shard as they are after a revision of its progress. */
export type ShardRows = Map<string, KeptRow>;

/** The rows that a process has in memory from one slice to the next, so that it need not read them again. */
export interface KeptRows {
  /**
   * Takes the rows of a shard out, if they are those of this revision. The transaction has locked the shard's progress,
   * so no other one has written a row of the shard since. Put them back after the commit, and not after an error.
   */
  take(shard: string, state: Prepared, revision: number): ShardRows;
  put(shard: string, state: Prepared, of: { readonly revision: number; readonly rows: ShardRows }): void;
}

interface Kept {
  readonly state: Prepared;
  readonly revision: number;
  readonly rows: ShardRows;
  readonly bytes: number;
}

/** The most bytes of all rows together, about: a function has 1 GiB. */
const MOST_BYTES = 64 * 1_024 * 1_024;

/**
 * Opens the memory of a step's process. Rows with windows are never in it: their windows close, and end, in other
 * statements.
 */
export function openKeptRows(most = MOST_BYTES): KeptRows {
  const shards = new Map<string, Kept>();
  return {
    take(shard, state, revision) {
      const kept = shards.get(shard);
      shards.delete(shard);
      const isSame =
        kept?.revision === revision && kept.state.name === state.name && kept.state.fingerprint === state.fingerprint;
      return isSame ? kept.rows : new Map();
    },
    put(shard, state, { revision, rows }) {
      if (state.hasWindows) return;
      const others = [...shards.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      const bytes = shrunk(rows, state, most);
      // The rows of shards that this process reads no more may be among them.
      if (others + bytes > most) shards.clear();
      shards.set(shard, { state, revision, rows, bytes });
    },
  };
}

/** Forgets the rows that came first until the others have few enough bytes, and returns these. */
function shrunk(rows: ShardRows, { hasState }: Prepared, most: number): number {
  const overhead = hasState ? OVERHEAD_BYTES + LOADED_BYTES : OVERHEAD_BYTES;
  const bytesOf = (id: string, { row }: KeptRow): number =>
    overhead + 2 * id.length + row.eventKey.length + row.state.length + (hasState ? (row.row?.length ?? 0) : 0);
  let bytes = 0;
  for (const [id, row] of rows) bytes += bytesOf(id, row);
  for (const [id, row] of rows) {
    if (bytes <= most) break;
    rows.delete(id);
    bytes -= bytesOf(id, row);
  }
  return bytes;
}

/** About the bytes of a row in memory beside its texts, and of a state that was loaded. */
const OVERHEAD_BYTES = 300;
const LOADED_BYTES = 400;
