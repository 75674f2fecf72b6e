/** A short number of JSON, and where it is. One object is reused for every number: hot path. */
export interface ShortNumber {
  from: number;
  to: number;
  /** The number without its point: 1.50 is 150. */
  units: number;
  /** The number of digits behind the point. */
  scale: number;
}

/** More digits than this may not fit into a double exactly. */
const MOST_DIGITS = 15;
const MINUS = 0x2d;
const POINT = 0x2e;

/**
 * Reads a number of JSON that has at most 15 digits and no exponent. False for any other bytes: they need to be read as
 * a text.
 */
export function readShortNumber(bytes: Uint8Array, number: ShortNumber): boolean {
  const { from, to } = number;
  const isNegative = bytes[from] === MINUS;
  const first = isNegative ? from + 1 : from;
  if (to === first || to - first > MOST_DIGITS + 1) return false;
  let digits = 0;
  let point = -1;
  for (let i = first; i < to; i += 1) {
    const byte = bytes[i] as number;
    if (byte === POINT && point === -1) {
      point = i;
      continue;
    }
    const digit = byte - 0x30;
    if (digit < 0 || digit > 9) return false;
    digits = digits * 10 + digit;
  }
  if (to - first > MOST_DIGITS && point === -1) return false;
  number.units = isNegative ? -digits : digits;
  number.scale = point === -1 ? 0 : to - point - 1;
  return true;
}
