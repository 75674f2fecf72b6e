import { daysFromCivil, daysInMonth } from './calendar.ts';

const MICROS_PER_DAY = 86_400e6;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const T = 0x54;
const Z = 0x5a;

/** The length of `2026-11-30T10:15:00Z`, and of the same with microseconds. */
const SHORTEST = 20;
const LONGEST = 27;

/**
 * Reads a time such as 2026-11-30T10:15:00.5Z, in UTC with at most six digits behind the point, as microseconds from
 * 2000. Returns NaN for any other text, valid or not, and for years so far away that a double is not exact: they need
 *       to be read as a text.
 */
export function isoMicros(view: DataView, from: number, to: number): number {
  const length = to - from;
  if (length < SHORTEST || length > LONGEST || view.getUint8(to - 1) !== Z) return Number.NaN;
  const seconds = two(view, from + 17);
  const minutes = two(view, from + 14);
  if (view.getUint8(from + 16) !== COLON || !(seconds <= 59 && minutes <= 59)) return Number.NaN;
  const hour = isLastHour(view, from) ? last.micros : hourAt(view, from);
  return hour + (minutes * 60 + seconds) * 1e6 + (length === SHORTEST ? 0 : fraction(view, from + 19, to - 1));
}

/** The last text up to its minutes, as numbers of four bytes, and its microseconds: neighbours often have one hour. */
const last = { a: 0, b: 0, c: 0, d: 0, micros: Number.NaN };

/** The bytes before the minutes are 14: the last number shares two with the one before it. */
const isLastHour = (view: DataView, from: number): boolean =>
  view.getInt32(from + 10) === last.d &&
  view.getInt32(from + 8) === last.c &&
  view.getInt32(from + 4) === last.b &&
  view.getInt32(from) === last.a;

function hourAt(view: DataView, from: number): number {
  last.a = view.getInt32(from);
  last.b = view.getInt32(from + 4);
  last.c = view.getInt32(from + 8);
  last.d = view.getInt32(from + 10);
  last.micros = readHour(view, from);
  return last.micros;
}

/** Returns NaN for a byte that is no digit too: it makes every sum NaN, and every comparison false. */
function readHour(view: DataView, from: number): number {
  if (
    view.getUint8(from + 4) !== HYPHEN ||
    view.getUint8(from + 7) !== HYPHEN ||
    view.getUint8(from + 10) !== T ||
    view.getUint8(from + 13) !== COLON
  )
    return Number.NaN;
  const year = two(view, from) * 100 + two(view, from + 2);
  const month = two(view, from + 5);
  const day = two(view, from + 8);
  const hour = two(view, from + 11);
  const isDate =
    year >= 1800 && year < 2200 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  return isDate && hour <= 23 ? daysFromCivil(year, month, day) * MICROS_PER_DAY + hour * 3600e6 : Number.NaN;
}

function two(view: DataView, at: number): number {
  const tens = view.getUint8(at) - 0x30;
  const ones = view.getUint8(at + 1) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function fraction(view: DataView, from: number, to: number): number {
  if (view.getUint8(from) !== POINT || to === from + 1) return Number.NaN;
  let micros = 0;
  for (let i = from + 1; i < to; i += 1) {
    const digit = view.getUint8(i) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    micros = micros * 10 + digit;
  }
  return micros * (POWERS[7 - (to - from)] as number);
}

const POWERS = [1, 10, 100, 1000, 10_000, 100_000];

const scratch = new DataView(new ArrayBuffer(LONGEST));

/** Reads a text as `isoMicros` does. */
export function isoMicrosOfText(text: string): number {
  if (text.length < SHORTEST || text.length > LONGEST) return Number.NaN;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return Number.NaN;
    scratch.setUint8(i, code);
  }
  return isoMicros(scratch, 0, text.length);
}
