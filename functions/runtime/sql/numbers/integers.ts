import { divisionByZero, invalidInput, outOfRange, SqlError } from '../errors/sql-error.ts';
import { trimSpace } from '../text/spaces.ts';

/**
 * The range of integer (int4), which is a JavaScript number; bigint (int8) is a JavaScript bigint. As in Postgres, an
 * overflow of either is an error.
 */
const MIN4 = -2147483648;
const MAX4 = 2147483647;
const MIN8 = -(2n ** 63n);
const MAX8 = 2n ** 63n - 1n;

export function int4(value: number): number {
  if (value < MIN4 || value > MAX4) outOfRange('integer');
  return value === 0 ? 0 : value;
}

export function int8(value: bigint): bigint {
  if (value < MIN8 || value > MAX8) outOfRange('bigint');
  return value;
}

export const addIntegers = (a: number, b: number): number => int4(a + b);
export const subtractIntegers = (a: number, b: number): number => int4(a - b);
export const multiplyIntegers = (a: number, b: number): number => int4(a * b);
export const negateInteger = (a: number): number => int4(-a);
export const absInteger = (a: number): number => int4(Math.abs(a));
export const addBigints = (a: bigint, b: bigint): bigint => int8(a + b);
export const subtractBigints = (a: bigint, b: bigint): bigint => int8(a - b);
export const multiplyBigints = (a: bigint, b: bigint): bigint => int8(a * b);
export const negateBigint = (a: bigint): bigint => int8(-a);
export const absBigint = (a: bigint): bigint => int8(a < 0n ? -a : a);

/** Truncates towards zero. */
export function divideIntegers(a: number, b: number): number {
  if (b === 0) divisionByZero();
  return int4(Math.trunc(a / b));
}

export function divideBigints(a: bigint, b: bigint): bigint {
  if (b === 0n) divisionByZero();
  return int8(a / b);
}

/** Returns the remainder, with the sign of the dividend. */
export function modIntegers(a: number, b: number): number {
  if (b === 0) divisionByZero();
  const rest = a % b;
  return rest === 0 ? 0 : rest;
}

export function modBigints(a: bigint, b: bigint): bigint {
  if (b === 0n) divisionByZero();
  return a % b;
}

export const andIntegers = (a: number, b: number): number => a & b;
export const orIntegers = (a: number, b: number): number => a | b;
export const xorIntegers = (a: number, b: number): number => a ^ b;
export const notInteger = (a: number): number => ~a;
export const shiftLeftInteger = (a: number, b: number): number => a << b;
export const shiftRightInteger = (a: number, b: number): number => a >> b;
export const andBigints = (a: bigint, b: bigint): bigint => a & b;
export const orBigints = (a: bigint, b: bigint): bigint => a | b;
export const xorBigints = (a: bigint, b: bigint): bigint => a ^ b;
export const notBigint = (a: bigint): bigint => ~a;
export const shiftLeftBigint = (a: bigint, b: number): bigint => BigInt.asIntN(64, a << BigInt(b & 63));
export const shiftRightBigint = (a: bigint, b: number): bigint => a >> BigInt(b & 63);

export function gcdBigints(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return int8(x);
}

export function lcmBigints(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n;
  const product = (a / gcdOf(a, b)) * b;
  return int8(product < 0n ? -product : product);
}

const gcdOf = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : gcdOf(b, a % b));

export const gcdIntegers = (a: number, b: number): number => int4(Number(gcdBigints(BigInt(a), BigInt(b))));

export function lcmIntegers(a: number, b: number): number {
  const product = lcmUnchecked(BigInt(a), BigInt(b));
  if (product > BigInt(MAX4)) outOfRange('integer');
  return Number(product);
}

function lcmUnchecked(a: bigint, b: bigint): bigint {
  if (a === 0n || b === 0n) return 0n;
  const product = (a / gcdOf(a, b)) * b;
  return product < 0n ? -product : product;
}

export const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);
export const compareBigints = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

export const integerToBigint = (a: number): bigint => BigInt(a);

export function bigintToInteger(a: bigint): number {
  if (a < -2147483648n || a > 2147483647n) outOfRange('integer');
  return Number(a);
}

export const integerText = (a: number | bigint): string => String(a);

export function integerFromText(text: string): number {
  const value = parseInteger('integer', text);
  if (value < BigInt(MIN4) || value > BigInt(MAX4))
    throw new SqlError('22003', `value "${text}" is out of range for type integer`);
  return Number(value);
}

export function bigintFromText(text: string): bigint {
  const value = parseInteger('bigint', text);
  if (value < MIN8 || value > MAX8) throw new SqlError('22003', `value "${text}" is out of range for type bigint`);
  return value;
}

const INTEGER = /^([+-]?)(0x(?:_?[0-9a-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+|\d+(?:_\d+)*)$/i;

/** Most integers. */
const PLAIN = /^-?\d{1,18}$/;

function parseInteger(type: string, text: string): bigint {
  if (PLAIN.test(text)) return BigInt(text);
  const match = INTEGER.exec(trimSpace(text));
  if (match === null) invalidInput(type, text);
  const digits = (match[2] ?? '').replaceAll('_', '');
  if (digits.length > 200) throw new SqlError('22003', `value "${text}" is out of range for type ${type}`);
  const value = BigInt(digits);
  return match[1] === '-' ? -value : value;
}

/** Prints negative numbers in two's complement, as Postgres does. */
export const integerToHex = (a: number): string => (a >>> 0).toString(16);
export const bigintToHex = (a: bigint): string => BigInt.asUintN(64, a).toString(16);
export const integerToBinary = (a: number): string => (a >>> 0).toString(2);
export const bigintToBinary = (a: bigint): string => BigInt.asUintN(64, a).toString(2);
export const integerToOctal = (a: number): string => (a >>> 0).toString(8);
export const bigintToOctal = (a: bigint): string => BigInt.asUintN(64, a).toString(8);
