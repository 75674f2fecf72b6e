import pg from 'pg';
import type { KeptLog } from '../../runtime/source.ts';
import { type Lsn, parseLsn } from './lsn.ts';

/** What a slot keeps of the server's log at a time. */
export interface Retained {
  /** How much of its log the server keeps for the slot, in bytes. */
  readonly bytes: bigint;
  /** How much more may be written before the server removes log that the slot needs. Undefined: nobody knows. */
  readonly safeBytes: bigint | undefined;
  /** Where the server's log ended, and when, in milliseconds since 1970. */
  readonly end: Lsn;
  readonly atMillis: number;
}

/** Runs a statement, and resolves to its first row. */
export type QueryOne = (text: string) => Promise<Readonly<Record<string, unknown>> | undefined>;

/** Asks the server what it keeps for a slot. Undefined: there is no such slot. */
export async function retainedFor(query: QueryOne, slot: string): Promise<Retained | undefined> {
  const row = await query(`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8::text AS bytes,
      safe_wal_size::text AS safe, pg_current_wal_lsn()::text AS "end",
      (extract(epoch FROM clock_timestamp()) * 1000)::int8::text AS at
    FROM pg_catalog.pg_replication_slots WHERE slot_name = ${pg.escapeLiteral(slot)} AND restart_lsn IS NOT NULL`);
  if (row === undefined) return undefined;
  const { bytes, safe, end, at } = row as Readonly<Record<string, string | null>>;
  return {
    bytes: BigInt(bytes ?? 0),
    safeBytes: safe == null ? undefined : BigInt(safe),
    end: parseLsn(end ?? '0/0'),
    atMillis: Number(at),
  };
}

/** From when on the server's log is measured. */
export interface Since {
  readonly end: Lsn;
  readonly atMillis: number;
}

/** A shorter time says little about how much a server writes. */
const SHORTEST_MILLIS = 10_000;
/** Beyond ten years nothing is said. */
const LONGEST_MILLIS = 10 * 365 * 24 * 3_600_000;

/** Estimates how long the server keeps what the slot needs, when it writes as much as since an earlier time. */
export function keptLog({ bytes, safeBytes, end, atMillis }: Retained, since: Since | undefined): KeptLog {
  const kept = { bytes: Number(bytes) };
  if (safeBytes === undefined) return kept;
  if (safeBytes <= 0n) return { ...kept, leftMillis: 0 };
  const millis = since === undefined ? 0 : atMillis - since.atMillis;
  const written = since === undefined ? 0 : Number(end - since.end);
  if (millis < SHORTEST_MILLIS || written <= 0) return kept;
  const leftMillis = Math.floor((Number(safeBytes) / written) * millis);
  return leftMillis > LONGEST_MILLIS ? kept : { ...kept, leftMillis };
}
