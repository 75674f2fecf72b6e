import { SqlError } from '../errors/sql-error.ts';
import { timestamptzText } from '../time/timestamps.ts';

/**
 * The windows of a compiled statement. Durations and times are microseconds; times count from 2000-01-01 UTC as those
 * of timestamptz do, but are numbers: they lie in the years 1750 to 2250, where a number is exact.
 */
export interface WindowFrame {
  readonly kind: 'tumbling' | 'hopping' | 'session';
  /** Of a session: the longest time between two neighbours. */
  readonly size: number;
  /** The time between the starts of two windows; of tumbling windows their size, of sessions 0. */
  readonly advance: number;
  /** How long after its end a window still takes events. */
  readonly grace: number;
  /** How long a window is kept after its start, and a session after its end. */
  readonly retention: number;
  readonly emit: 'changes' | 'final';
}

/** The start and the end of a window. The end is exclusive; that of a session is inclusive: its last event's time. */
export interface WindowBounds {
  readonly start: number;
  readonly end: number;
}

/** 1970-01-01, with which windows are aligned, in microseconds from 2000. */
export const EPOCH = -946_684_800_000_000;

/** Returns the starts of the tumbling or hopping windows in which a time lies, the earliest first. */
export function windowStarts({ size, advance }: WindowFrame, time: number): readonly number[] {
  const starts: number[] = [];
  for (let start = lastStart(advance, time); start > time - size; start -= advance) starts.push(start);
  return starts.reverse();
}

/** Returns the latest multiple of the advance, counted from 1970, that is not after the time. */
export function lastStart(advance: number, time: number): number {
  const rest = (time - EPOCH) % advance;
  return time - (rest < 0 ? rest + advance : rest);
}

/** Returns the end of a tumbling or hopping window. */
export const windowEnd = ({ size }: WindowFrame, start: number): number => start + size;

/** The first microsecond of the year 1750, and of the year 2250. */
const FIRST = -7_889_184_000_000_000;
const LAST = 7_889_270_400_000_000;

/** Returns the time of a row, a timestamptz, if it can be in a window. Throws `SqlError` otherwise. */
export function windowTime(time: bigint | null): number {
  const micros = Number(time);
  if (time !== null && micros >= FIRST && micros < LAST) return micros;
  if (time === null)
    throw new SqlError('22004', 'the time is null, so the row is in no window: choose rows with WHERE … IS NOT NULL');
  throw new SqlError('22008', `the time ${timestamptzText(time)} is in no window: those are in the years 1750 to 2249`);
}

/** Returns the time of a row that a statement with WINDOW collected: it follows the inputs of the aggregates. */
export const rowTime = (inputs: readonly unknown[]): number => inputs[inputs.length - 1] as number;

/** Returns the values of `window_start` and `window_end`, which end the key of a window's group. */
export const boundValues = ({ start, end }: WindowBounds): readonly [bigint, bigint] => [BigInt(start), BigInt(end)];
