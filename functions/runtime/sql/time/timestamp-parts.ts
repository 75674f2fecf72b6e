import { SqlError } from '../errors/sql-error.ts';
import { divideDecimals } from '../numbers/decimal-arithmetic.ts';
import { decimalToDouble } from '../numbers/decimal-functions.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { finite, INFINITY, MINUS_INFINITY, withScale } from '../numbers/decimals.ts';
import { roundDouble } from '../numbers/doubles.ts';
import { civilFromDays, dayOfWeek, daysFromCivil, isoDayOfWeek, isoWeek } from './calendar.ts';
import { dateToTimestamp, makeDate } from './dates.ts';
import { checkedTimestamp, isFiniteTimestamp, MAX_TIMESTAMP, MICROS_PER_DAY, splitTimestamp } from './timestamps.ts';

const SECONDS_FROM_1970_TO_2000 = 946_684_800n;

export function extractTimestamp(field: string, timestamp: bigint): Decimal | null {
  const unit = unitOf(field);
  if (!isFiniteTimestamp(timestamp)) return ofInfinity(unit, timestamp > 0n, field);
  const { days, micros } = splitTimestamp(timestamp);
  if (unit === 'epoch') return epoch(timestamp);
  return timeField(unit, micros) ?? finite(BigInt(dateField(unit, days) ?? unsupported(field, 'timestamp')), 0);
}

/** Returns seconds from 1970. Beyond 64 bits, Postgres divides as numeric, to 16 significant digits. */
function epoch(timestamp: bigint): Decimal {
  const micros = timestamp + SECONDS_FROM_1970_TO_2000 * 1_000_000n;
  if (micros <= MAX_TIMESTAMP) return finite(micros, 6);
  return withScale(divideDecimals(finite(micros, 0), finite(1_000_000n, 0)), 6);
}

export function extractTimestamptz(field: string, timestamp: bigint): Decimal | null {
  const unit = unitOf(field);
  const zone = unit === 'timezone' || unit === 'timezone_hour' || unit === 'timezone_minute';
  if (zone) return isFiniteTimestamp(timestamp) ? finite(0n, 0) : null;
  return extractTimestamp(field, timestamp);
}

export function extractDate(field: string, date: number): Decimal | null {
  const unit = unitOf(field);
  if (timeField(unit, 0) !== undefined) unsupported(field, 'date');
  if (!Number.isFinite(date)) return ofInfinity(unit, date > 0, field);
  if (unit === 'epoch') return finite(BigInt(date) * 86_400n + SECONDS_FROM_1970_TO_2000, 0);
  if (unit === 'julian') return finite(BigInt(date + 2_451_545), 0);
  return finite(BigInt(dateField(unit, date) ?? unsupported(field, 'date')), 0);
}

const asDouble = (value: Decimal | null): number | null => (value === null ? null : decimalToDouble(value));
export const datePartTimestamp = (field: string, a: bigint): number | null => asDouble(extractTimestamp(field, a));
export const datePartTimestamptz = (field: string, a: bigint): number | null => asDouble(extractTimestamptz(field, a));
/** Evaluates date_part of a date, which is that of the timestamp at midnight. */
export const datePartDate = (field: string, a: number): number | null => datePartTimestamp(field, dateToTimestamp(a));

const GROWING = new Set(['epoch', 'year', 'isoyear', 'decade', 'century', 'millennium', 'julian']);
const CYCLIC = new Set([
  'day',
  'month',
  'quarter',
  'week',
  'dow',
  'isodow',
  'doy',
  'hour',
  'minute',
  'second',
  'milliseconds',
  'microseconds',
  'timezone',
  'timezone_hour',
  'timezone_minute',
]);

function ofInfinity(unit: string, positive: boolean, field: string): Decimal | null {
  if (GROWING.has(unit)) return positive ? INFINITY : MINUS_INFINITY;
  return CYCLIC.has(unit) ? null : unsupported(field, 'timestamp');
}

function timeField(unit: string, micros: number): Decimal | undefined {
  const whole = (value: number): Decimal => finite(BigInt(Math.floor(value)), 0);
  switch (unit) {
    case 'hour':
      return whole(micros / 3.6e9);
    case 'minute':
      return whole((micros / 6e7) % 60);
    case 'second':
      return finite(BigInt(micros % 6e7), 6);
    case 'milliseconds':
      return finite(BigInt(micros % 6e7), 3);
    case 'microseconds':
      return whole(micros % 6e7);
    default:
      return undefined;
  }
}

function dateField(unit: string, days: number): number | undefined {
  const { year, month, day } = civilFromDays(days);
  const fields: Record<string, () => number> = {
    day: () => day,
    month: () => month,
    quarter: () => Math.floor((month - 1) / 3) + 1,
    year: () => withoutZero(year),
    decade: () => (year >= 0 ? Math.floor(year / 10) : -Math.floor((8 - (year - 1)) / 10)),
    century: () => (year > 0 ? Math.floor((year + 99) / 100) : -Math.floor((99 - (year - 1)) / 100)),
    millennium: () => (year > 0 ? Math.floor((year + 999) / 1000) : -Math.floor((999 - (year - 1)) / 1000)),
    dow: () => dayOfWeek(days),
    isodow: () => isoDayOfWeek(days),
    doy: () => days - daysFromCivil(year, 1, 1) + 1,
    week: () => isoWeek(days).week,
    isoyear: () => withoutZero(isoWeek(days).year),
  };
  return fields[unit]?.();
}

/** Returns the year as Postgres shows it: 1 BC, which is year 0 here, is -1. */
const withoutZero = (year: number): number => (year > 0 ? year : year - 1);

const UNIT_NAMES: Record<string, string> = {
  years: 'year',
  months: 'month',
  mon: 'month',
  days: 'day',
  hours: 'hour',
  minutes: 'minute',
  min: 'minute',
  seconds: 'second',
  sec: 'second',
  weeks: 'week',
  quarters: 'quarter',
  decades: 'decade',
  centuries: 'century',
  millisecond: 'milliseconds',
  microsecond: 'microseconds',
  millenniums: 'millennium',
};

export function unitOf(field: string): string {
  const name = field.toLowerCase();
  return UNIT_NAMES[name] ?? name;
}

export function unsupported(field: string, type: string): never {
  throw new SqlError('22023', `unit "${field}" not recognized for type ${type}`);
}

export function dateTrunc(field: string, timestamp: bigint): bigint {
  const unit = unitOf(field);
  const micros = TRUNC_MICROS[unit];
  if (micros === undefined && !TRUNC_DATE.has(unit)) unsupported(field, 'timestamp');
  if (!isFiniteTimestamp(timestamp)) return timestamp;
  if (micros !== undefined) return timestamp - (((timestamp % micros) + micros) % micros);
  return checkedTimestamp(BigInt(truncDays(unit, splitTimestamp(timestamp).days)) * MICROS_PER_DAY);
}

const TRUNC_MICROS: Record<string, bigint> = {
  microseconds: 1n,
  milliseconds: 1000n,
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
  day: MICROS_PER_DAY,
};
const TRUNC_DATE = new Set(['week', 'month', 'quarter', 'year', 'decade', 'century', 'millennium']);

function truncDays(unit: string, days: number): number {
  const { year, month } = civilFromDays(days);
  switch (unit) {
    case 'week':
      return days - isoDayOfWeek(days) + 1;
    case 'month':
      return daysFromCivil(year, month, 1);
    case 'quarter':
      return daysFromCivil(year, month - ((month - 1) % 3), 1);
    default:
      return daysFromCivil(truncYear(unit, year), 1, 1);
  }
}

function truncYear(unit: string, year: number): number {
  if (unit === 'decade') return year > 0 ? Math.floor(year / 10) * 10 : -Math.floor((8 - (year - 1)) / 10) * 10;
  if (unit === 'year') return year;
  const size = unit === 'century' ? 100 : 1000;
  if (year > 0) return Math.floor((year + size - 1) / size) * size - size + 1;
  return -Math.floor((size - 1 - (year - 1)) / size) * size + 1;
}

export function makeTimestamp(...parts: [number, number, number, number, number, number]): bigint {
  const [year, month, day, hour, minute, second] = parts;
  const days = makeDate(year, month, day);
  const micros = roundDouble(second * 1e6);
  const late = hour === 24 && (minute > 0 || micros > 0);
  if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(second >= 0 && second <= 60) || late)
    throw new SqlError('22008', `time field value out of range: ${hour}:${minute}:${second}`);
  return checkedTimestamp(
    BigInt(days) * MICROS_PER_DAY + BigInt((hour * 60 + minute) * 60) * 1_000_000n + BigInt(micros),
  );
}
