import { endOfRecord, type Position } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';

/**
 * The bounds of a portion: what is processed and committed at once. A portion ends with the first record that reaches
 * one of them, so it exceeds them by one record at most.
 *
 * Any event may be rejected, and a transform or a sink says so only after its work. Without bounds, one batch could
 * have more rejections than an invocation can store, and the step would never get past that batch.
 */
export interface PortionBounds {
  /** The events and the rejections together. */
  readonly events: number;
  /** The records and entries that do not decode. */
  readonly rejections: number;
  /** The decompressed bytes of events' data and of rejections. */
  readonly bytes: number;
}

export const PORTION: PortionBounds = { events: 25_000, rejections: 25_000, bytes: 32 * 1024 * 1024 };

/**
 * The bounds of a slice for files: large slices make few files. Each event takes up to a kilobyte of memory beside its
 * data. A slice stays in memory until it is written, and a function with two of them has 1,769 MB.
 */
export const SLICE: PortionBounds = { events: 300_000, rejections: PORTION.rejections, bytes: 128 * 1024 * 1024 };

/** No bounds: the end of the range was fixed before. */
export const WHOLE: PortionBounds = {
  events: Number.POSITIVE_INFINITY,
  rejections: Number.POSITIVE_INFINITY,
  bytes: Number.POSITIVE_INFINITY,
};

/** Returns the first record that is not completely processed at a position. Undefined: all of them are. */
export function firstUnfinished(records: readonly LogRecord[], position: Position): LogRecord | undefined {
  const isUnfinished = ({ sequenceNumber }: LogRecord): boolean => endOfRecord(sequenceNumber) > position;
  const last = records.at(-1);
  return last !== undefined && isUnfinished(last) ? records.find(isUnfinished) : undefined;
}
