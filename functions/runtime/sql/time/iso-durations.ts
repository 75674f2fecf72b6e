import { addUnit, type Count, type IntervalSums, intervalOf, newSums, type Unit } from './interval-units.ts';
import type { Interval } from './intervals.ts';

const NUMBER = '-?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:e[+-]?\\d+)?';
const TERMS = (units: string): string => `(?:${NUMBER}[${units}])*`;
const SEPARATED = (by: string): string => `(?:${NUMBER})(?:${by}${NUMBER}){0,2}`;
const DURATION = new RegExp(
  `^P(?:(\\d{8}(?![\\d.]))|(${SEPARATED('-')}(?=T|$))|(${TERMS('YMWD')}))(?:T(?:(\\d{6}(?![\\d.]))|(${SEPARATED(':')}$)|(${TERMS('HMS')})))?$`,
);

const DATES: Readonly<Record<string, Unit>> = { Y: 'year', M: 'month', W: 'week', D: 'day' };
const TIMES: Readonly<Record<string, Unit>> = { H: 'hour', M: 'minute', S: 'second' };

/**
 * Reads a duration of ISO 8601 as Postgres does: `P1Y2M3DT4H5M6S`, `P0001-02-03T04:05:06` or `P00010203T040506`. Any
 * number with a unit may have a sign and a fraction.
 */
export function durationFromText(text: string): Interval | undefined {
  const match = text.length < 2 ? null : DURATION.exec(text);
  if (match === null) return undefined;
  const [, basicDate, date, dateTerms, basicTime, time, timeTerms] = match;
  const sums = newSums();
  addInOrder(sums, basicDate?.match(/^\d{4}|\d\d/g) ?? numbersIn(date), ['year', 'month', 'day']);
  addTerms(sums, dateTerms, DATES);
  addInOrder(sums, basicTime?.match(/\d\d/g) ?? numbersIn(time), ['hour', 'minute', 'second']);
  addTerms(sums, timeTerms, TIMES);
  return intervalOf(sums, 1);
}

/** Returns the numbers between `-` or `:`. A second `-` is a sign. */
function numbersIn(text: string | undefined): readonly string[] {
  return text?.match(new RegExp(`(?:(?<=^|[-:])-)?${NUMBER.slice(2)}`, 'g')) ?? [];
}

function addInOrder(sums: IntervalSums, numbers: readonly string[], units: readonly Unit[]): void {
  for (const [i, number] of numbers.entries()) addUnit(sums, units[i] ?? 'second', countOf(number));
}

function addTerms(sums: IntervalSums, terms: string | undefined, units: Readonly<Record<string, Unit>>): void {
  for (const [, number = '', letter = ''] of (terms ?? '').matchAll(new RegExp(`(${NUMBER})([A-Z])`, 'g')))
    addUnit(sums, units[letter] ?? 'second', countOf(number));
}

/** Splits a number as Postgres does, which reads it as double precision. */
function countOf(text: string): Count {
  const value = Number(text);
  const whole = Math.trunc(value);
  return { whole: BigInt(whole), fraction: value - whole };
}
