import { SqlError } from '../errors/sql-error.ts';

/**
 * A day in the proleptic Gregorian calendar. Days count from 2000-01-01, as in Postgres. Year 0 is 1 BC, -1 is 2 BC.
 */
export interface Civil {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** The number of days in a 400-year cycle, and from 0000-03-01 to 2000-01-01. */
const CYCLE = 146097;
const SHIFT = 730425;

export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const cycle = Math.floor(y / 400);
  const yearOfCycle = y - cycle * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    cycle * CYCLE + yearOfCycle * 365 + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100) + dayOfYear - SHIFT
  );
}

export function civilFromDays(days: number): Civil {
  const shifted = days + SHIFT;
  const cycle = Math.floor(shifted / CYCLE);
  const dayOfCycle = shifted - cycle * CYCLE;
  const yearOfCycle = Math.floor(
    (dayOfCycle - Math.floor(dayOfCycle / 1460) + Math.floor(dayOfCycle / 36524) - Math.floor(dayOfCycle / 146096)) /
      365,
  );
  const dayOfYear = dayOfCycle - (365 * yearOfCycle + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100));
  const m = Math.floor((5 * dayOfYear + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  return {
    year: yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1,
  };
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export function daysInMonth(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

/** Returns the day of the week; 0 is Sunday. 2000-01-01 was a Saturday. */
export const dayOfWeek = (days: number): number => (((days + 6) % 7) + 7) % 7;

/** Returns the day of the week; 1 is Monday, 7 is Sunday. */
export const isoDayOfWeek = (days: number): number => dayOfWeek(days) || 7;

/** Returns the week of ISO 8601 and the year to which the week belongs. */
export function isoWeek(days: number): { year: number; week: number } {
  const thursday = days - isoDayOfWeek(days) + 4;
  const { year } = civilFromDays(thursday);
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1 };
}

export function yearText(year: number): string {
  return String(year > 0 ? year : 1 - year).padStart(4, '0');
}

export function fieldOutOfRange(text: string): never {
  throw new SqlError('22008', `date/time field value out of range: "${text}"`);
}
