import { SqlError } from '../errors/sql-error.ts';
import { type Interval, newInterval } from './intervals.ts';

/** What an interval's text names so far. */
export interface IntervalSums {
  months: bigint;
  days: bigint;
  micros: bigint;
}

export const newSums = (): IntervalSums => ({ months: 0n, days: 0n, micros: 0n });

/** Months of each unit of years. */
const YEARS = { year: 12, decade: 120, century: 1200, millennium: 12000 } as const;
/** Microseconds of each unit of time. */
const TIMES = { hour: 3.6e9, minute: 6e7, second: 1e6, millisecond: 1e3, microsecond: 1 } as const;
const DAY_MICROS = 86_400_000_000;

export type Unit = keyof typeof YEARS | 'month' | 'week' | 'day' | keyof typeof TIMES;

/** A count of a unit: its whole part, and the rest with the same sign. */
export interface Count {
  readonly whole: bigint;
  readonly fraction: number;
}

/** Adds a count of a unit. A fraction becomes smaller units: of years months, of months days, of days time. */
export function addUnit(sums: IntervalSums, unit: Unit, { whole, fraction }: Count): void {
  if (unit in YEARS) {
    const months = YEARS[unit as keyof typeof YEARS];
    sums.months += whole * BigInt(months) + BigInt(roundHalfEven(fraction * months));
  } else if (unit in TIMES) {
    const micros = TIMES[unit as keyof typeof TIMES];
    sums.micros += whole * BigInt(micros);
    addFractionOfTime(sums, fraction, micros);
  } else if (unit === 'day') {
    sums.days += whole;
    addFractionOfTime(sums, fraction, DAY_MICROS);
  } else {
    if (unit === 'month') sums.months += whole;
    else sums.days += whole * 7n;
    addFractionOfDays(sums, fraction, unit === 'month' ? 30 : 7);
  }
  if (!fits(sums.months, 31n) || !fits(sums.days, 31n) || !fits(sums.micros, 63n))
    throw new SqlError('22015', 'interval field value out of range');
}

const fits = (sum: bigint, bits: bigint): boolean => sum >= -(2n ** bits) && sum < 2n ** bits;

/** Makes an interval of the sums. Throws if one of them is out of range. */
export function intervalOf({ months, days, micros }: IntervalSums, sign: 1 | -1): Interval {
  return newInterval(sign * Number(months) + 0, sign * Number(days) + 0, BigInt(sign) * micros);
}

/** C's `rint`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function addFractionOfTime(sums: IntervalSums, fraction: number, micros: number): void {
  const exact = fraction * micros;
  const whole = Math.trunc(exact);
  const rest = exact - whole;
  sums.micros += BigInt(whole + (rest > 0.5 ? 1 : rest < -0.5 ? -1 : 0));
}

function addFractionOfDays(sums: IntervalSums, fraction: number, days: number): void {
  const exact = fraction * days;
  const whole = Math.trunc(exact);
  sums.days += BigInt(whole);
  addFractionOfTime(sums, exact - whole, DAY_MICROS);
}
