import { z } from 'zod';
import { FixedChunk } from './fixed-chunk.ts';
import { LSN_TEXT } from './lsn.ts';

const LsnText = z.string().regex(LSN_TEXT, 'is not an LSN such as 16/B374D848');

/** A transaction that was read. A server that was restored from a copy has another one at the same LSN. */
const ReadTransaction = z.strictObject({
  /** The LSN of its commit. */
  lsn: LsnText,
  xid: z.int(),
  /** The time of its commit, in microseconds since 2000-01-01. */
  micros: z.string().regex(/^-?\d+$/),
});

/** Where the reader stands in the log of a server. */
export const ReadUpTo = z.strictObject({
  /** The server's system identifier. */
  system: z.string(),
  timeline: z.int(),
  database: z.string(),
  /** Where the slot began. */
  start: LsnText,
  /**
   * The last transaction that was read to its end. Its LSN is what the server is told: the server keeps its log from
   * there on, and sends this transaction again on the next connection.
   */
  last: ReadTransaction.extend({ token: z.string().optional() }).optional(),
  /** The transaction in the middle of which the position is, and how many of its changes were read. */
  inside: ReadTransaction.extend({ ordinal: z.int().min(0) }).optional(),
});
export type ReadUpTo = z.infer<typeof ReadUpTo>;

/** How far the rows that tables have already are read. */
const SnapshotState = z.strictObject({
  /** The tables with rows left, `schema.table`. The first one is being read: `after` this primary key. */
  left: z.array(z.strictObject({ table: z.string(), after: z.array(z.string()).optional(), rows: z.int() })),
  /** Transactions that the reader of the log has passed, and that no statement has seen finished. */
  passed: z.array(z.int()),
});
export type SnapshotState = z.infer<typeof SnapshotState>;

/**
 * A position. The name of the slot is drawn once and stored before the slot is made: so a slot of this name is ours,
 * also when the process died before it could store where the slot began.
 */
export const ChangesPosition = z.strictObject({
  slot: z.string().regex(/^[a-z0-9_]{1,63}$/),
  read: ReadUpTo.optional(),
  /** The tables that are followed, `schema.table`. Another one that comes later gets a snapshot of its own. */
  tables: z.array(z.string()).optional(),
  /** Missing: the rows of all tables are in the stream, or nobody wants them there. */
  snapshot: SnapshotState.optional(),
  /** Rows that are being appended. */
  chunk: FixedChunk.optional(),
  /** Columns of the tables that the stream's schema does not have, as `table.column`. */
  leftOut: z.array(z.string()).optional(),
});
export type ChangesPosition = z.infer<typeof ChangesPosition>;

/** Returns the LSN that the server may be told: everything up to there is in the stream. */
export function acknowledgedBy({ start, last }: ReadUpTo): string {
  return last?.lsn ?? start;
}
