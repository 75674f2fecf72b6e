import { z } from 'zod';
import { encodeOrdered } from '../../runtime/position.ts';

/** A transaction id of 64 bits, or another whole number of the server, as digits. */
const Digits = z.string().regex(/^\d{1,20}$/);

/** The place of a version of a row: the transaction that wrote it, and where it is in the table's file. */
const RowPlace = z.strictObject({ xid: Digits, block: z.int().min(0), line: z.int().min(0) });
export type RowPlace = z.infer<typeof RowPlace>;

/** A value that every row has or exceeds whose transaction is not below `xid`: `Limit` explains it. */
const Bound = z.strictObject({ xid: Digits, value: z.string() });
export type Bound = z.infer<typeof Bound>;

/** How far a table was read. */
export const TablePosition = z.strictObject({
  generation: z.int().min(0),
  /** The server's system identifier, its timeline, and the database. */
  database: z.string(),
  /** The table's oid, and that of its file, which a rewrite changes. */
  table: z.string(),
  file: z.string(),
  /** The horizon: every row of a transaction below it was read. */
  below: Digits,
  /** The rows from the horizon to `to` are being read, up to `after`. Their events have the time `at`. */
  window: z.strictObject({ to: Digits, at: z.string(), after: RowPlace.exactOptional() }).exactOptional(),
  /** Where to begin in the limiting column, by horizon, the oldest first. */
  bounds: z.array(Bound),
});
export type TablePosition = z.infer<typeof TablePosition>;

/** How far a query was read. */
export const QueryPosition = z.strictObject({
  /** The value of the incrementing column in the last row that was read. */
  after: z
    .string()
    .regex(/^-?\d{1,19}$/)
    .exactOptional(),
  /** Rows are being read, and their events have this time. */
  at: z.string().exactOptional(),
});
export type QueryPosition = z.infer<typeof QueryPosition>;

/** Returns the place of the event of a row: the widths hold 64, 32 and 16 bits. */
export function placeOf({ xid, block, line }: RowPlace): string {
  return encodeOrdered(BigInt(xid), 11) + encodeOrdered(block, 6) + encodeOrdered(line, 3);
}

/** Returns the place of the event of a row of a query. A negative number sorts before zero. */
export function placeOfValue(value: string): string {
  return encodeOrdered(BigInt(value) + 2n ** 63n, 11);
}
