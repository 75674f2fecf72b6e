/**
 * Whether the text is an RFC 3339 time, of a day that exists, that `Date.parse` understands. A leap second (`:60`) is refused,
 * because `Date.parse` does not understand it.
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
 * From the first byte of a time as most writers write it (`2026-01-31T23:59:59.999Z`; the fraction may be missing or longer), the
 * offset just after it. -1 for anything that `isTimestamp` has to judge: another form, or a day that not every month has.
 */
export function skipPlainTimestamp(bytes: Uint8Array, offset: number): number {
  const inRange =
    bytes[offset + 4] === 0x2d &&
    bytes[offset + 7] === 0x2d &&
    bytes[offset + 10] === 0x54 &&
    bytes[offset + 13] === 0x3a &&
    bytes[offset + 16] === 0x3a &&
    twoDigits(bytes, offset) <= 99 &&
    twoDigits(bytes, offset + 2) <= 99 &&
    between(twoDigits(bytes, offset + 5), 1, 12) &&
    between(twoDigits(bytes, offset + 8), 1, 28) &&
    twoDigits(bytes, offset + 11) <= 23 &&
    twoDigits(bytes, offset + 14) <= 59 &&
    twoDigits(bytes, offset + 17) <= 59;
  if (!inRange) return -1;
  let at = offset + 19;
  if (bytes[at] === 0x2e) {
    at++;
    const fraction = at;
    while (isDigit(bytes[at])) at++;
    if (at === fraction) return -1;
  }
  return bytes[at] === 0x5a ? at + 1 : -1;
}

/** NaN when they are not digits. */
function twoDigits(bytes: Uint8Array, offset: number): number {
  const tens = bytes[offset];
  const ones = bytes[offset + 1];
  return isDigit(tens) && isDigit(ones) ? (tens - 0x30) * 10 + (ones - 0x30) : Number.NaN;
}

function between(value: number, lowest: number, highest: number): boolean {
  return value >= lowest && value <= highest;
}

function isDigit(byte: number | undefined): byte is number {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
