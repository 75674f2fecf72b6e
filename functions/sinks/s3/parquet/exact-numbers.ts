import type { DecimalType } from './column-types.ts';

/**
 * Reads a whole number of so many bits, as digits: `12`, `12.0` or `1e3`. Undefined for any other number or text.
 */
export function wholeNumber(text: string, bits: 32 | 64): string | undefined {
  const number = shifted(text, 0, LONGEST_WHOLE);
  if (number === undefined || /[1-9]/.test(number.behind)) return undefined;
  return BigInt.asIntN(bits, number.whole) === number.whole ? String(number.whole) : undefined;
}

/** The digits of the largest number of 64 bits. */
const LONGEST_WHOLE = 19;

/**
 * Reads a number as a decimal of the type, as Postgres does: what is beyond the scale is rounded, halves away from
 * zero. Undefined when the number has more digits before its point than the type has room for.
 */
export function decimalDigits(
  text: string,
  { precision, scale }: Pick<DecimalType, 'precision' | 'scale'>,
): string | undefined {
  const number = shifted(text, scale, precision);
  if (number === undefined) return undefined;
  const { whole, behind, sign } = number;
  const size = (whole < 0n ? -whole : whole) + (behind >= '5' ? 1n : 0n);
  if (size >= 10n ** BigInt(precision)) return undefined;
  const digits = String(size).padStart(scale + 1, '0');
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** A number times a power of ten: its whole part, and the digits behind the point. */
interface Shifted {
  readonly whole: bigint;
  readonly behind: string;
  readonly sign: '' | '-';
}

/**
 * Multiplies a number by 10 to the `scale`, exactly. Undefined for what is no number, and for one that has more than
 * `most` digits after that: an exponent of a few characters may stand for a number of any length.
 */
function shifted(text: string, scale: number, most: number): Shifted | undefined {
  const [, mark, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  if (mark === undefined || whole.length + fraction.length === 0) return undefined;
  const sign = mark === '-' ? '-' : '';
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  if (digits === '') return { whole: 0n, behind: '', sign: '' };
  // Where the point is: so many digits are before it.
  const before = digits.length + Number(exponent) - fraction.length + scale;
  if (before > most) return undefined;
  if (before < 0) return { whole: 0n, behind: '01', sign };
  const size = BigInt(digits.slice(0, before).padEnd(before, '0') || '0');
  return { whole: sign === '-' ? -size : size, behind: digits.slice(before), sign };
}

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
