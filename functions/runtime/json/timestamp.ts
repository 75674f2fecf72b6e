/**
 * Returns true for an RFC 3339 time of a day that exists, if `Date.parse` understands it. `Date.parse` does not
 * understand a leap second (`:60`), so it is not accepted.
 */
export function isTimestamp(text: string): boolean {
  const parts = RFC_3339.exec(text)?.slice(1, 4).map(Number);
  if (!parts) return false;
  const [year = 0, month = 0, day = 0] = parts;
  return day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}

const RFC_3339 =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Skips a time in the form that most writers use (`2026-01-31T23:59:59.999Z`; the fraction may be missing or longer),
 * from its first byte, and returns the offset just after it. Returns -1 for any time that `isTimestamp` has to judge:
 * another form, or a day that only some centuries have.
 */
export function skipPlainTimestamp(bytes: Uint8Array, offset: number): number {
  const inRange =
    bytes[offset + 4] === DASH &&
    bytes[offset + 7] === DASH &&
    bytes[offset + 10] === T &&
    bytes[offset + 13] === COLON &&
    bytes[offset + 16] === COLON &&
    twoDigits(bytes, offset) >= 0 &&
    isDay(twoDigits(bytes, offset + 2), twoDigits(bytes, offset + 5), twoDigits(bytes, offset + 8)) &&
    isBelow(24, twoDigits(bytes, offset + 11)) &&
    isBelow(60, twoDigits(bytes, offset + 14)) &&
    isBelow(60, twoDigits(bytes, offset + 17));
  if (!inRange) return -1;
  let at = offset + 19;
  if (bytes[at] === DOT) {
    at++;
    const fraction = at;
    while (isDigit(bytes[at])) at++;
    if (at === fraction) return -1;
  }
  return bytes[at] === Z ? at + 1 : -1;
}

const DASH = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const T = 0x54;
const Z = 0x5a;

/** Days by month, as every year has them. */
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDay(yearOfCentury: number, month: number, day: number): boolean {
  const isLeapYear = yearOfCentury > 0 && yearOfCentury % 4 === 0;
  return yearOfCentury >= 0 && day >= 1 && (day <= (DAYS[month] ?? 0) || (day === 29 && month === 2 && isLeapYear));
}

function isBelow(limit: number, value: number): boolean {
  return value >= 0 && value < limit;
}

/** Reads two digits. Returns -1 when they are not digits. */
function twoDigits(bytes: Uint8Array, offset: number): number {
  const tens = bytes[offset];
  const ones = bytes[offset + 1];
  return isDigit(tens) && isDigit(ones) ? (tens - 0x30) * 10 + (ones - 0x30) : -1;
}

function isDigit(byte: number | undefined): byte is number {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
