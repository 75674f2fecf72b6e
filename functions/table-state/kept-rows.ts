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
export interface ShardRows {
  readonly rows: ReadonlyMap<string, KeptRow>;
  /** About the bytes of their texts in memory. */
  readonly bytes: number;
  set(id: string, row: KeptRow): void;
  delete(id: string): void;
}

/** Starts the rows of a shard: none. It counts their bytes as they come and go, because there may be very many. */
export function noRows({ hasState }: Pick<StateTable, 'hasState'>): ShardRows {
  const rows = new Map<string, KeptRow>();
  let bytes = 0;
  const bytesOf = (id: string, row: KeptRow | undefined): number =>
    row === undefined
      ? 0
      : 2 * id.length +
        row.row.eventKey.length +
        row.row.state.length +
        (hasState ? LOADED_BYTES + (row.row.row?.length ?? 0) : 0) +
        OVERHEAD_BYTES;
  return {
    rows,
    get bytes() {
      return bytes;
    },
    set(id, row) {
      bytes += bytesOf(id, row) - bytesOf(id, rows.get(id));
      rows.set(id, row);
    },
    delete(id) {
      bytes -= bytesOf(id, rows.get(id));
      rows.delete(id);
    },
  };
}

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
      return isSame ? kept.rows : noRows(state);
    },
    put(shard, state, { revision, rows }) {
      if (state.hasWindows) return;
      const others = [...shards.values()].reduce((sum, kept) => sum + kept.rows.bytes, 0);
      shrink(rows, most);
      // The rows of shards that this process reads no more may be among them.
      if (others + rows.bytes > most) shards.clear();
      shards.set(shard, { state, revision, rows });
    },
  };
}

/** Forgets the rows that came first until the others have few enough bytes. */
function shrink(kept: ShardRows, most: number): void {
  if (kept.bytes <= most) return;
  for (const id of kept.rows.keys()) {
    kept.delete(id);
    if (kept.bytes <= most) return;
  }
}

/** About the bytes of a row in memory beside its texts, and of a state that was loaded. */
const OVERHEAD_BYTES = 300;
const LOADED_BYTES = 400;
