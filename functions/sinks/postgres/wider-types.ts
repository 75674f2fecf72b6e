import { decimalOf } from '../../runtime/json/schema-fields.ts';

/**
 * Returns the narrowest type of a column that holds all values of both, by this order: integer < bigint < numeric, both
 * < double precision; numeric with fewer digits < with more < without a limit; date, uuid < text. Each step keeps every
 * value that a column has, and its text. Undefined: there is none.
 */
export function widestType(one: string, other: string): string | undefined {
  if (one === other || isWider(one, other)) return one;
  if (isWider(other, one)) return other;
  const decimals = [one, other].map(digitsOf);
  const [first, second] = decimals;
  if (first === undefined || second === undefined) return undefined;
  const scale = Math.max(first.scale, second.scale);
  return `numeric(${scale + Math.max(first.whole, second.whole)},${scale})`;
}

/** Tells whether a column of the type `wide` holds every value of a column of the type `narrow`, and more. */
export function isWider(wide: string, narrow: string): boolean {
  if (wide === narrow) return false;
  if (WIDER[narrow]?.includes(wide) === true) return true;
  const [more, less] = [digitsOf(wide), digitsOf(narrow)];
  return more !== undefined && less !== undefined && more.whole >= less.whole && more.scale >= less.scale;
}

/** Tells whether a column of the type would round a value of the wider type, and not refuse it. */
export function rounds(narrow: string, wide: string): boolean {
  const [digits, more] = [digitsOf(narrow), digitsOf(wide)];
  return WHOLE[narrow] === undefined && digits !== undefined && (more === undefined || more.scale > digits.scale);
}

const WIDER: Readonly<Record<string, readonly string[]>> = {
  integer: ['bigint', 'numeric', 'double precision'],
  bigint: ['numeric', 'double precision'],
  date: ['text'],
  uuid: ['text'],
};

/** The digits of whole numbers, in front of the point. */
const WHOLE: Readonly<Record<string, number>> = { integer: 10, bigint: 19 };

interface Digits {
  readonly whole: number;
  readonly scale: number;
}

/**
 * How many digits a type has in front of the point, and behind it. Undefined: it is no type with a number of digits.
 */
function digitsOf(type: string): Digits | undefined {
  const whole = WHOLE[type];
  if (whole !== undefined) return { whole, scale: 0 };
  if (type === 'numeric') return { whole: Infinity, scale: Infinity };
  const decimal = decimalOf(type);
  return decimal && { whole: decimal.precision - decimal.scale, scale: decimal.scale };
}
