import { SqlError } from '../errors/sql-error.ts';
import { roundDouble } from '../numbers/doubles.ts';
import { civilFromDays, daysFromCivil, yearText } from './calendar.ts';
import { isoMicrosOfText } from './iso-bytes.ts';
import { parseMoment } from './moments.ts';

/**
 * The number of microseconds in a day. A timestamp or timestamptz is a bigint: microseconds from 2000-01-01 00:00 UTC.
 * The session's time zone is always UTC.
 */
export const MICROS_PER_DAY = 86_400_000_000n;

/** The infinities, with the values that Postgres stores for them. */
export const MAX_TIMESTAMP = 2n ** 63n - 1n;
export const MIN_TIMESTAMP = -(2n ** 63n);

const FIRST = BigInt(daysFromCivil(-4713, 11, 24)) * MICROS_PER_DAY;
const END = BigInt(daysFromCivil(294277, 1, 1)) * MICROS_PER_DAY;

export const isFiniteTimestamp = (a: bigint): boolean => a !== MAX_TIMESTAMP && a !== MIN_TIMESTAMP;

export function checkedTimestamp(micros: bigint): bigint {
  if (micros < FIRST || micros >= END) throw new SqlError('22008', 'timestamp out of range');
  return micros;
}

export const timestampFromText = (text: string): bigint => fromText('timestamp', text, false);
export const timestamptzFromText = (text: string): bigint => fromText('timestamp with time zone', text, true);

function fromText(type: string, text: string, withZone: boolean): bigint {
  const short = isoMicrosOfText(text);
  if (!Number.isNaN(short)) return BigInt(short);
  const moment = parseMoment(type, text);
  if (moment.infinite !== 0) return moment.infinite > 0 ? MAX_TIMESTAMP : MIN_TIMESTAMP;
  const zone = withZone ? (moment.offsetMicros ?? 0n) : 0n;
  const micros = BigInt(moment.days) * MICROS_PER_DAY + moment.micros + zone;
  if (micros < FIRST || micros >= END) throw new SqlError('22008', `timestamp out of range: "${text}"`);
  return micros;
}

/** Splits a timestamp into its day and the microseconds within the day. */
export function splitTimestamp(timestamp: bigint): { days: number; micros: number } {
  const rest = timestamp % MICROS_PER_DAY;
  const micros = rest < 0n ? rest + MICROS_PER_DAY : rest;
  return { days: Number((timestamp - micros) / MICROS_PER_DAY), micros: Number(micros) };
}

export function timestampText(timestamp: bigint): string {
  return textOf(timestamp, ' ', '');
}

export function timestamptzText(timestamp: bigint): string {
  return textOf(timestamp, ' ', '+00');
}

/** Writes a timestamp for JSON: ISO 8601; a timestamptz gets a Z. */
export const timestampJson = (timestamp: bigint): string => textOf(timestamp, 'T', '');
export function timestamptzJson(timestamp: bigint): string {
  if (timestamp !== last.timestamp) {
    last.text = textOf(timestamp, 'T', 'Z');
    last.timestamp = timestamp;
  }
  return last.text;
}

/** The last timestamptz that was written for JSON: the rows of one window follow each other. */
const last = { timestamp: 0n, text: '2000-01-01T00:00:00Z' };

/** Writes a timestamptz as Postgres writes it in jsonb. */
export const timestamptzJsonb = (timestamp: bigint): string => textOf(timestamp, 'T', '+00:00');

function textOf(timestamp: bigint, separator: string, zone: string): string {
  if (!isFiniteTimestamp(timestamp)) return timestamp > 0n ? 'infinity' : '-infinity';
  const { days, micros } = splitTimestamp(timestamp);
  const { year, month, day } = civilFromDays(days);
  const date = `${yearText(year)}-${two(month)}-${two(day)}`;
  return `${date}${separator}${timeText(micros)}${zone}${year > 0 ? '' : ' BC'}`;
}

export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  const fraction = micros % 1e6;
  return fraction === 0 ? clock : `${clock}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Converts seconds from 1970 to a timestamp. */
export function toTimestamp(seconds: number): bigint {
  if (Number.isNaN(seconds)) throw new SqlError('22008', 'timestamp cannot be NaN');
  if (!Number.isFinite(seconds)) return seconds > 0 ? MAX_TIMESTAMP : MIN_TIMESTAMP;
  const micros = roundDouble((seconds - 946_684_800) * 1e6);
  if (micros < Number(FIRST) || micros >= Number(END))
    throw new SqlError('22008', `timestamp out of range: "${seconds}"`);
  return BigInt(micros);
}
