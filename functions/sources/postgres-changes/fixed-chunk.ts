import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import type { PulledEvent } from '../../runtime/source.ts';
import { placeOf } from './lsn.ts';

/** The rows of a chunk in a position, from where they are appended: a retry never reads the table. */
export const FixedChunk = z.strictObject({
  table: z.string(),
  /** The output that they go to, where there are several. */
  to: z.string().optional(),
  /** The LSN of the message behind the chunk. */
  lsn: z.string(),
  /** When the chunk was read, in RFC 3339. */
  time: z.string(),
  /** Keys and data of the rows, as JSON, compressed, in base64. */
  rows: z.string(),
  /** How many of its rows are in the stream. */
  next: z.int(),
});
export type FixedChunk = z.infer<typeof FixedChunk>;

/** A position has 64 KiB at most, and needs room for the rest. */
const MOST_FIXED_BYTES = 44 * 1024;
const MOST_POSITION_BYTES = 62 * 1024;

/** Returns for how many bytes of rows a position has room. With many tables it is less than usual. */
export function roomIn(position: object): number {
  return Math.max(0, Math.min(MOST_FIXED_BYTES, MOST_POSITION_BYTES - Buffer.byteLength(JSON.stringify(position))));
}

type Row = readonly [key: string, json: string];

export function encodeRows(rows: readonly Row[]): string {
  return zstdCompressSync(JSON.stringify(rows)).toString('base64');
}

/**
 * Returns the events of a chunk. Their places are just before those of every transaction that commits behind the
 * message: a message's LSN is the end of its record, which the commit behind it may have too.
 */
export function eventsOf({ table, to, time, rows }: FixedChunk, lsn: bigint): PulledEvent[] {
  const decoded = JSON.parse(zstdDecompressSync(Buffer.from(rows, 'base64')).toString()) as readonly Row[];
  return decoded.map(([key, json], index) => ({
    type: `${table}.inserted`,
    time,
    key,
    dataBytes: Buffer.from(json),
    place: placeOf(lsn - 1n, index, 0),
    ...(to === undefined ? {} : { to }),
  }));
}
