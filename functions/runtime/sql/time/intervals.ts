import { divisionByZero, SqlError } from '../errors/sql-error.ts';
import { roundDouble } from '../numbers/doubles.ts';
import { compareBigints } from '../numbers/integers.ts';
import { civilFromDays, daysFromCivil, daysInMonth } from './calendar.ts';
import { dateToTimestamp } from './dates.ts';
import {
  checkedTimestamp,
  isFiniteTimestamp,
  MAX_TIMESTAMP,
  MICROS_PER_DAY,
  MIN_TIMESTAMP,
  splitTimestamp,
  timeText,
} from './timestamps.ts';

/**
 * An interval: months, days and microseconds, which do not convert into each other. `infinite` is 1 or -1 for the
 * infinities, otherwise 0. Intervals exist only inside expressions.
 */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
  readonly infinite: 0 | 1 | -1;
}

export function newInterval(months: number, days: number, micros: bigint): Interval {
  const fits = [months, days].every((count) => count >= -2147483648 && count <= 2147483647);
  if (!fits || micros > MAX_TIMESTAMP || micros < MIN_TIMESTAMP) throw new SqlError('22008', 'interval out of range');
  return { months, days, micros, infinite: 0 };
}

const infiniteInterval = (sign: 1 | -1): Interval => ({ months: 0, days: 0, micros: 0n, infinite: sign });

/** Makes an interval of `[years, months, weeks, days, hours, minutes, seconds]`. */
export function makeInterval(...parts: number[]): Interval {
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = parts;
  const rest = roundDouble(seconds * 1e6);
  if (!(Math.abs(rest) < 2 ** 63)) throw new SqlError('22008', 'interval out of range');
  const micros = BigInt(hours) * 3_600_000_000n + BigInt(minutes) * 60_000_000n + BigInt(rest);
  return newInterval(years * 12 + months, weeks * 7 + days, micros);
}

export function intervalText(a: Interval): string {
  if (a.infinite !== 0) return a.infinite > 0 ? 'infinity' : '-infinity';
  const parts: string[] = [];
  let before = false;
  const add = (value: number, unit: string): void => {
    if (value === 0) return;
    parts.push(`${before && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`);
    before = value < 0;
  };
  add(Math.trunc(a.months / 12), 'year');
  add(a.months % 12, 'mon');
  add(a.days, 'day');
  if (parts.length === 0 || a.micros !== 0n) parts.push(clockText(a.micros, before));
  return parts.join(' ');
}

function clockText(micros: bigint, before: boolean): string {
  const size = micros < 0n ? -micros : micros;
  const hours = size / 3_600_000_000n;
  const rest = timeText(Number(size % 3_600_000_000n)).slice(2);
  return `${micros < 0n ? '-' : before ? '+' : ''}${String(hours).padStart(2, '0')}${rest}`;
}

export function addIntervals(a: Interval, b: Interval): Interval {
  if (a.infinite !== 0 || b.infinite !== 0) {
    if (a.infinite * b.infinite < 0) throw new SqlError('22008', 'interval out of range');
    return a.infinite !== 0 ? a : b;
  }
  return newInterval(a.months + b.months, a.days + b.days, a.micros + b.micros);
}

export function negateInterval(a: Interval): Interval {
  if (a.infinite !== 0) return infiniteInterval(a.infinite > 0 ? -1 : 1);
  return newInterval(0 - a.months, 0 - a.days, -a.micros);
}

export const subtractIntervals = (a: Interval, b: Interval): Interval => addIntervals(a, negateInterval(b));

/** Orders intervals as Postgres does: a month counts as 30 days and a day as 24 hours. */
export function compareIntervals(a: Interval, b: Interval): number {
  if (a.infinite !== 0 || b.infinite !== 0) return a.infinite - b.infinite;
  return compareBigints(span(a), span(b));
}

const span = (a: Interval): bigint => (BigInt(a.months) * 30n + BigInt(a.days)) * MICROS_PER_DAY + a.micros;

/** Returns a value that is the same exactly for equal intervals, such as one day and 24 hours. */
export const intervalIdentity = (a: Interval): string | bigint => (a.infinite === 0 ? span(a) : intervalText(a));

const SECONDS_PER_DAY = 86400;
const roundMicros = (seconds: number): number => roundDouble(seconds * 1e6) / 1e6;

/** Multiplies an interval. A fraction of a month becomes days, a fraction of a day becomes time. */
export function multiplyInterval(a: Interval, factor: number): Interval {
  if (Number.isNaN(factor)) throw new SqlError('22008', 'interval out of range');
  if (a.infinite !== 0 || !Number.isFinite(factor)) return multiplyInfinite(a, factor);
  return scaled(a, (value) => value * factor);
}

export const multiplyIntervalReversed = (factor: number, a: Interval): Interval => multiplyInterval(a, factor);

export function divideInterval(a: Interval, divisor: number): Interval {
  if (divisor === 0) divisionByZero();
  if (Number.isNaN(divisor) || (a.infinite !== 0 && !Number.isFinite(divisor)))
    throw new SqlError('22008', 'interval out of range');
  if (a.infinite !== 0) return divisor < 0 ? negateInterval(a) : a;
  return scaled(a, (value) => value / divisor);
}

function multiplyInfinite(a: Interval, factor: number): Interval {
  const sign = Math.sign(a.infinite !== 0 ? a.infinite : Number(compareBigints(span(a), 0n))) * Math.sign(factor);
  if (sign === 0) throw new SqlError('22008', 'interval out of range');
  return infiniteInterval(sign > 0 ? 1 : -1);
}

function scaled(a: Interval, scale: (value: number) => number): Interval {
  const months = Math.trunc(scale(a.months));
  let days = Math.trunc(scale(a.days));
  const monthDays = roundMicros((scale(a.months) - months) * 30);
  let seconds = roundMicros((scale(a.days) - days + monthDays - Math.trunc(monthDays)) * SECONDS_PER_DAY);
  if (Math.abs(seconds) >= SECONDS_PER_DAY) {
    const extra = Math.trunc(seconds / SECONDS_PER_DAY);
    days += extra;
    seconds -= extra * SECONDS_PER_DAY;
  }
  const micros = roundDouble(scale(Number(a.micros)) + seconds * 1e6);
  if (!Number.isFinite(micros)) throw new SqlError('22008', 'interval out of range');
  return newInterval(months + 0, days + Math.trunc(monthDays), BigInt(micros));
}

export function addInterval(timestamp: bigint, a: Interval): bigint {
  if (a.infinite !== 0) return addInfinite(timestamp, a.infinite);
  if (!isFiniteTimestamp(timestamp)) return timestamp;
  const moved = a.months === 0 ? timestamp : addMonths(timestamp, a.months);
  return checkedTimestamp(checkedTimestamp(moved + BigInt(a.days) * MICROS_PER_DAY) + a.micros);
}

function addInfinite(timestamp: bigint, sign: 1 | -1): bigint {
  const infinity = sign > 0 ? MAX_TIMESTAMP : MIN_TIMESTAMP;
  if (!isFiniteTimestamp(timestamp) && timestamp !== infinity) throw new SqlError('22008', 'timestamp out of range');
  return infinity;
}

/** Adds months. If the new month is shorter, the day becomes its last day. */
function addMonths(timestamp: bigint, months: number): bigint {
  const { days, micros } = splitTimestamp(timestamp);
  const civil = civilFromDays(days);
  const total = civil.year * 12 + civil.month - 1 + months;
  const [year, month] = [Math.floor(total / 12), (((total % 12) + 12) % 12) + 1];
  const day = Math.min(civil.day, daysInMonth(year, month));
  return checkedTimestamp(BigInt(daysFromCivil(year, month, day)) * MICROS_PER_DAY + BigInt(micros));
}

export const addIntervalReversed = (a: Interval, timestamp: bigint): bigint => addInterval(timestamp, a);
export const subtractInterval = (timestamp: bigint, a: Interval): bigint => addInterval(timestamp, negateInterval(a));
export const addIntervalToDate = (date: number, a: Interval): bigint => addInterval(dateToTimestamp(date), a);
export const addIntervalToDateReversed = (a: Interval, date: number): bigint => addIntervalToDate(date, a);
export const subtractIntervalFromDate = (date: number, a: Interval): bigint =>
  subtractInterval(dateToTimestamp(date), a);

/** Returns the interval between two moments in days and time, never in months. */
export function timestampsBetween(a: bigint, b: bigint): Interval {
  if (!isFiniteTimestamp(a) || !isFiniteTimestamp(b)) return betweenInfinite(a, b);
  const micros = a - b;
  if (micros > MAX_TIMESTAMP || micros < MIN_TIMESTAMP) throw new SqlError('22008', 'interval out of range');
  return newInterval(0, Number(micros / MICROS_PER_DAY), micros % MICROS_PER_DAY);
}

function betweenInfinite(a: bigint, b: bigint): Interval {
  const signs = [a, b].map((value) => (isFiniteTimestamp(value) ? 0 : value > 0n ? 1 : -1));
  const difference = (signs[0] ?? 0) - (signs[1] ?? 0);
  if (difference === 0) throw new SqlError('22008', 'interval out of range');
  return infiniteInterval(difference > 0 ? 1 : -1);
}

/** Returns the start of the stride that a timestamp falls into, counted from `origin`. */
export function dateBin(stride: Interval, timestamp: bigint, origin: bigint): bigint {
  if (!isFiniteTimestamp(timestamp)) return timestamp;
  if (!isFiniteTimestamp(origin)) throw new SqlError('22008', 'origin out of range');
  if (stride.infinite !== 0) throw new SqlError('22008', 'timestamps cannot be binned into infinite intervals');
  if (stride.months !== 0)
    throw new SqlError('0A000', 'timestamps cannot be binned into intervals containing months or years');
  const micros = BigInt(stride.days) * MICROS_PER_DAY + stride.micros;
  if (micros <= 0n) throw new SqlError('22008', 'stride must be greater than zero');
  const distance = timestamp - origin;
  if (distance > MAX_TIMESTAMP || distance < MIN_TIMESTAMP) throw new SqlError('22008', 'interval out of range');
  const rest = distance % micros;
  return checkedTimestamp(timestamp - (rest < 0n ? rest + micros : rest));
}

/** Returns a whole interval in seconds. Adds in Postgres's order, because each sum is rounded. */
export function intervalToEpoch({ months, days, micros }: Interval): number {
  const withYears = Number(micros) / 1e6 + 365.25 * SECONDS_PER_DAY * Math.trunc(months / 12);
  return withYears + 30 * SECONDS_PER_DAY * (months % 12) + SECONDS_PER_DAY * days;
}

export const equalIntervals = (a: Interval, b: Interval): boolean => compareIntervals(a, b) === 0;
