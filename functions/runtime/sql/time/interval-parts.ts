import { SqlError } from '../errors/sql-error.ts';
import type { Decimal } from '../numbers/decimals.ts';
import { finite, INFINITY, MINUS_INFINITY } from '../numbers/decimals.ts';
import { civilFromDays, daysInMonth } from './calendar.ts';
import type { Interval } from './intervals.ts';
import { intervalToEpoch, newInterval, timestampsBetween } from './intervals.ts';
import { unitOf, unsupported } from './timestamp-parts.ts';
import { isFiniteTimestamp, MICROS_PER_DAY, splitTimestamp } from './timestamps.ts';

/** The fields of an interval, for extract, date_part, date_trunc, age and the justify functions. */
interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  /** Microseconds within the minute. */
  micros: number;
}

function fieldsOf({ months, days, micros }: Interval): Fields {
  const hour = micros / 3_600_000_000n;
  const rest = Number(micros % 3_600_000_000n);
  return {
    year: Math.trunc(months / 12),
    month: months % 12,
    day: days,
    hour: Number(hour),
    minute: Math.trunc(rest / 6e7),
    micros: rest % 6e7,
  };
}

const HOUR = 3_600_000_000n;

function fromFields({ year, month, day, hour, minute, micros }: Fields): Interval {
  return newInterval(year * 12 + month, day, BigInt(hour) * HOUR + BigInt(minute * 6e7 + micros));
}

const OSCILLATING = new Set(['microseconds', 'milliseconds', 'second', 'minute', 'week', 'month', 'quarter']);
const GROWING = new Set(['hour', 'day', 'year', 'decade', 'century', 'millennium', 'epoch']);

export function extractInterval(field: string, a: Interval): Decimal | null {
  const unit = unitOf(field);
  if (!OSCILLATING.has(unit) && !GROWING.has(unit)) unsupported(field, 'interval');
  if (a.infinite !== 0) return OSCILLATING.has(unit) ? null : a.infinite > 0 ? INFINITY : MINUS_INFINITY;
  if (unit === 'epoch') return finite(secondsOfDays(a) * 1_000_000n + a.micros, 6);
  const { value, scale } = fieldValue(unit, a);
  return finite(BigInt(value), scale);
}

/** Returns the seconds of months and days. A year counts as 365.25 days, a month as 30. */
function secondsOfDays({ months, days }: Interval): bigint {
  const quarterDays = 1461 * Math.trunc(months / 12) + 120 * (months % 12) + 4 * days;
  return BigInt(quarterDays) * 21_600n;
}

function fieldValue(unit: string, a: Interval): { value: number; scale: number } {
  const fields = fieldsOf(a);
  if (unit === 'second') return { value: fields.micros, scale: 6 };
  if (unit === 'milliseconds') return { value: fields.micros, scale: 3 };
  const values: Record<string, number> = {
    microseconds: fields.micros,
    minute: fields.minute,
    hour: fields.hour,
    day: fields.day,
    week: Math.trunc(fields.day / 7),
    month: fields.month,
    quarter: quarterOf(a.months),
    year: fields.year,
    decade: Math.trunc(fields.year / 10),
    century: Math.trunc(fields.year / 100),
    millennium: Math.trunc(fields.year / 1000),
  };
  return { value: values[unit] ?? 0, scale: 0 };
}

function quarterOf(months: number): number {
  // Postgres cannot negate the smallest 32-bit integer, and gives 1 for it.
  if (months === -2147483648) return 1;
  return months >= 0 ? Math.trunc((months % 12) / 3) + 1 : -(Math.trunc((-months % 12) / 3) + 1);
}

export function datePartInterval(field: string, a: Interval): number | null {
  const exact = extractInterval(field, a);
  if (exact === null) return null;
  if (exact.special !== undefined) return Number(exact.special);
  if (unitOf(field) === 'epoch') return intervalToEpoch(a);
  return Number(exact.digits) / 10 ** exact.scale;
}

const TRUNCATED = ['millennium', 'century', 'decade', 'year', 'quarter', 'month', 'day', 'hour', 'minute', 'second'];

export function truncateInterval(field: string, a: Interval): Interval {
  const unit = unitOf(field);
  if (unit === 'week')
    throw new SqlError('0A000', 'unit "week" not supported for type interval: months usually have fractional weeks');
  if (!TRUNCATED.includes(unit) && unit !== 'milliseconds' && unit !== 'microseconds') unsupported(field, 'interval');
  if (a.infinite !== 0) return a;
  const fields = fieldsOf(a);
  const upTo = TRUNCATED.indexOf(unit);
  const within = (name: string): boolean => upTo !== -1 && upTo <= TRUNCATED.indexOf(name);
  const years = { millennium: 1000, century: 100, decade: 10 }[unit] ?? 1;
  fields.year -= fields.year % years;
  if (within('year')) fields.month = 0;
  else if (unit === 'quarter') fields.month -= fields.month % 3;
  if (within('month')) fields.day = 0;
  if (within('day')) fields.hour = 0;
  if (within('hour')) fields.minute = 0;
  if (within('minute')) fields.micros = 0;
  else if (unit === 'second') fields.micros -= fields.micros % 1e6;
  else if (unit === 'milliseconds') fields.micros -= fields.micros % 1000;
  return fromFields(fields);
}

/** Returns the interval between two moments in years, months and days, as on a calendar. */
export function age(a: bigint, b: bigint): Interval {
  if (!isFiniteTimestamp(a) || !isFiniteTimestamp(b)) return timestampsBetween(a, b);
  if (a < b) return negated(difference(civilOf(b), civilOf(a), civilOf(a)));
  return difference(civilOf(a), civilOf(b), civilOf(b));
}

interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly micros: number;
}

function civilOf(timestamp: bigint): Civil {
  const { days, micros } = splitTimestamp(timestamp);
  return { ...civilFromDays(days), micros };
}

/** Subtracts two moments field by field. If days are missing, borrows the days of the month of `lender`. */
function difference(later: Civil, earlier: Civil, lender: Civil): Interval {
  let micros = later.micros - earlier.micros;
  let day = later.day - earlier.day;
  let months = (later.year - earlier.year) * 12 + later.month - earlier.month;
  if (micros < 0) {
    micros += Number(MICROS_PER_DAY);
    day -= 1;
  }
  while (day < 0) {
    day += daysInMonth(lender.year, lender.month);
    months -= 1;
  }
  return newInterval(months, day, BigInt(micros));
}

const negated = ({ months, days, micros }: Interval): Interval => newInterval(0 - months, 0 - days, -micros);

/** Converts each 24 hours to a day. */
export function justifyHours(a: Interval): Interval {
  if (a.infinite !== 0) return a;
  return newInterval(a.months, ...carried(a.days + Number(a.micros / MICROS_PER_DAY), a.micros % MICROS_PER_DAY));
}

/** Makes days and time have the same sign, by carrying over a day. */
function carried(days: number, micros: bigint): [days: number, micros: bigint] {
  if (days > 0 && micros < 0n) return [days - 1, micros + MICROS_PER_DAY];
  if (days < 0 && micros > 0n) return [days + 1, micros - MICROS_PER_DAY];
  return [days, micros];
}

/** Converts each 30 days to a month. */
export function justifyDays(a: Interval): Interval {
  if (a.infinite !== 0) return a;
  const [months, days] = [a.months + Math.trunc(a.days / 30), a.days % 30];
  if (months > 0 && days < 0) return newInterval(months - 1, days + 30, a.micros);
  if (months < 0 && days > 0) return newInterval(months + 1, days - 30, a.micros);
  return newInterval(months, days + 0, a.micros);
}

/** Converts hours to days and days to months, so that all fields have one sign. */
export function justifyInterval(a: Interval): Interval {
  if (a.infinite !== 0) return a;
  const allDays = a.days + Number(a.micros / MICROS_PER_DAY);
  const micros = a.micros % MICROS_PER_DAY;
  let [months, days] = [a.months + Math.trunc(allDays / 30), allDays % 30];
  if (months > 0 && (days < 0 || (days === 0 && micros < 0n))) [months, days] = [months - 1, days + 30];
  else if (months < 0 && (days > 0 || (days === 0 && micros > 0n))) [months, days] = [months + 1, days - 30];
  return newInterval(months, ...carried(days, micros));
}

export const isFiniteInterval = ({ infinite }: Interval): boolean => infinite === 0;
