import type { Decimal } from '../numbers/decimals.ts';
import type { ShortDecimal } from '../numbers/short-decimals.ts';

/**
 * Tests whether a value that an aggregate takes is plain: missing, a boolean, a text that is only counted, or a number
 * of at most 32 digits before and behind the point. A sum, a mean, or the greatest of such values is finite, and has
 * few more digits than the longest of them.
 */
export function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value);
    case 'bigint':
      return value < LARGE && value > -LARGE;
    case 'object':
      return value === null || isPlainDecimal(value as Partial<AnyDecimal>);
    default:
      return true;
  }
}

type AnyDecimal = Decimal & ShortDecimal;

/** A short decimal has at most 15 digits on either side. */
function isPlainDecimal({ units, digits, scale, special }: Partial<AnyDecimal>): boolean {
  if (units !== undefined) return true;
  return digits !== undefined && special === undefined && (scale ?? 0) <= MOST_DIGITS && isPlain(digits);
}

const MOST_DIGITS = 32;
const LARGE = 10n ** BigInt(MOST_DIGITS);

/**
 * More bytes than what an aggregate shows can grow by with one plain value: a mean has up to 32 digits, 16 more where
 * it is small, and as many behind the point.
 */
export const PLAIN_BYTES = 256;
