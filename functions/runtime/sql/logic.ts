import { SqlError } from './errors/sql-error.ts';
import { trimSpace } from './text/spaces.ts';

/** A value of SQL's three-valued logic; null means unknown. */
export type Truth = boolean | null;

/** Evaluates AND over operands in order, as Postgres does: stops at the first false. */
export function and(...operands: readonly (() => Truth)[]): Truth {
  let result: Truth = true;
  for (const operand of operands) {
    const value = operand();
    if (value === false) return false;
    if (value === null) result = null;
  }
  return result;
}

/** Evaluates OR over operands in order, as Postgres does: stops at the first true. */
export function or(...operands: readonly (() => Truth)[]): Truth {
  let result: Truth = false;
  for (const operand of operands) {
    const value = operand();
    if (value === true) return true;
    if (value === null) result = null;
  }
  return result;
}

export function not(value: Truth): Truth {
  return value === null ? null : !value;
}

/**
 * Calls a function, unless an argument is null: then returns null. All arguments are evaluated first, as in Postgres.
 */
export function strict<A extends unknown[], R>(
  call: (...args: A) => R,
  ...args: { [K in keyof A]: A[K] | null }
): R | null {
  for (const arg of args) if (arg === null) return null;
  return call(...(args as A));
}

/** Returns the first operand that is not null, and does not evaluate the later ones. */
export function coalesce<T>(...operands: readonly (() => T | null)[]): T | null {
  for (const operand of operands) {
    const value = operand();
    if (value !== null) return value;
  }
  return null;
}

/** Evaluates IS NOT DISTINCT FROM: equality in which null equals null. */
export function notDistinct<T>(equal: (a: T, b: T) => boolean, a: T | null, b: T | null): boolean {
  if (a === null || b === null) return a === b;
  return equal(a, b);
}

/** Evaluates NULLIF: null if both are equal, otherwise the first. */
export function nullIf<A, B>(equal: (a: A, b: B) => boolean, a: A | null, b: B | null): A | null {
  return a !== null && b !== null && equal(a, b) ? null : a;
}

/** Evaluates GREATEST (sign 1) or LEAST (sign -1), which ignore nulls. */
export function extreme<T>(compare: (a: T, b: T) => number, sign: 1 | -1, operands: readonly (T | null)[]): T | null {
  let best: T | null = null;
  for (const value of operands) if (value !== null && (best === null || compare(value, best) * sign > 0)) best = value;
  return best;
}

/** Evaluates `left op ANY (right)`. */
export function anyOf<A, B>(test: (a: A, b: B) => boolean, left: A | null, right: readonly (B | null)[] | null): Truth {
  return quantified(test, [left, right], true);
}

/** Evaluates `left op ALL (right)`. */
export function allOf<A, B>(test: (a: A, b: B) => boolean, left: A | null, right: readonly (B | null)[] | null): Truth {
  return quantified(test, [left, right], false);
}

function quantified<A, B>(
  test: (a: A, b: B) => boolean,
  [left, right]: readonly [A | null, readonly (B | null)[] | null],
  decisive: boolean,
): Truth {
  if (right === null) return null;
  if (right.length === 0) return !decisive;
  if (left === null) return null;
  let result: Truth = !decisive;
  for (const element of right) {
    if (element === null) result = null;
    else if (test(left, element) === decisive) return decisive;
  }
  return result;
}

export function compareBooleans(a: boolean, b: boolean): number {
  return Number(a) - Number(b);
}

export function booleanFromText(text: string): boolean {
  const word = trimSpace(text).toLowerCase();
  if (word === '1' || (word !== '' && ('true'.startsWith(word) || 'yes'.startsWith(word))) || word === 'on')
    return true;
  if (
    word === '0' ||
    (word !== '' && ('false'.startsWith(word) || 'no'.startsWith(word))) ||
    word === 'off' ||
    word === 'of'
  )
    return false;
  throw new SqlError('22P02', `invalid input syntax for type boolean: "${text}"`);
}

export function booleanText(value: boolean): string {
  return value ? 'true' : 'false';
}

export function booleanToInteger(value: boolean): number {
  return value ? 1 : 0;
}

export function integerToBoolean(value: number): boolean {
  return value !== 0;
}

/** Returns the text of a boolean inside an array or concat: `t` or `f`. */
export const booleanOutput = (value: boolean): string => (value ? 't' : 'f');

export const equalValues = <T>(a: T, b: T): boolean => a === b;
