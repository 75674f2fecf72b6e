import { SqlError } from '../errors/sql-error.ts';
import { civilFromDays, daysFromCivil, daysInMonth, fieldOutOfRange, yearText } from './calendar.ts';
import { parseMoment } from './moments.ts';
import { isFiniteTimestamp, MAX_TIMESTAMP, MICROS_PER_DAY, MIN_TIMESTAMP } from './timestamps.ts';

/** The first date. A date is a number: days from 2000-01-01, or an infinity. */
const MIN_DATE = daysFromCivil(-4713, 11, 24);
const MAX_DATE = daysFromCivil(5874897, 12, 31);

/** The last date that a timestamp can have. */
const MAX_TIMESTAMP_DATE = daysFromCivil(294276, 12, 31);

function checked(days: number): number {
  if (days < MIN_DATE || days > MAX_DATE) throw new SqlError('22008', 'date out of range');
  return days;
}

export function dateFromText(text: string): number {
  const moment = parseMoment('date', text);
  if (moment.infinite !== 0) return moment.infinite * Infinity;
  if (moment.days < MIN_DATE || moment.days > MAX_DATE) throw new SqlError('22008', `date out of range: "${text}"`);
  return moment.days;
}

export function dateText(days: number): string {
  if (!Number.isFinite(days)) return days > 0 ? 'infinity' : '-infinity';
  const { year, month, day } = civilFromDays(days);
  return `${yearText(year)}-${two(month)}-${two(day)}${year > 0 ? '' : ' BC'}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

export const addDays = (date: number, days: number): number => (Number.isFinite(date) ? checked(date + days) : date);
export const addDaysReversed = (days: number, date: number): number => addDays(date, days);
export const subtractDays = (date: number, days: number): number =>
  Number.isFinite(date) ? checked(date - days) : date;

export function daysBetween(a: number, b: number): number {
  if (!Number.isFinite(a) || !Number.isFinite(b)) throw new SqlError('22008', 'cannot subtract infinite dates');
  return a - b;
}

export function dateToTimestamp(date: number): bigint {
  if (date === Infinity) return MAX_TIMESTAMP;
  if (date === -Infinity) return MIN_TIMESTAMP;
  if (date > MAX_TIMESTAMP_DATE) throw new SqlError('22008', 'date out of range for timestamp');
  return BigInt(date) * MICROS_PER_DAY;
}

export function timestampToDate(timestamp: bigint): number {
  if (!isFiniteTimestamp(timestamp)) return timestamp > 0n ? Infinity : -Infinity;
  const rest = timestamp % MICROS_PER_DAY;
  return Number((timestamp - (rest < 0n ? rest + MICROS_PER_DAY : rest)) / MICROS_PER_DAY);
}

/** Orders a date and a timestamp; the date may be outside the range of timestamps. */
export function compareDateToTimestamp(date: number, timestamp: bigint): number {
  if (!Number.isFinite(date)) {
    const same = date > 0 ? timestamp === MAX_TIMESTAMP : timestamp === MIN_TIMESTAMP;
    return same ? 0 : date > 0 ? 1 : -1;
  }
  if (!isFiniteTimestamp(timestamp)) return timestamp > 0n ? -1 : 1;
  const micros = BigInt(date) * MICROS_PER_DAY;
  return micros < timestamp ? -1 : micros > timestamp ? 1 : 0;
}

export const compareTimestampToDate = (timestamp: bigint, date: number): number =>
  -compareDateToTimestamp(date, timestamp);

/** Makes a date; a negative year is BC. */
export function makeDate(year: number, month: number, day: number): number {
  const text = `${year}-${two(month)}-${two(day)}`;
  const civilYear = year < 0 ? year + 1 : year;
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(civilYear, month)) fieldOutOfRange(text);
  const days = daysFromCivil(civilYear, month, day);
  if (days < MIN_DATE || days > MAX_DATE) throw new SqlError('22008', `date out of range: ${text}`);
  return days;
}

export const isFiniteDate = (date: number): boolean => Number.isFinite(date);
