import { addAscii, addRaw, type CopyText } from './copy-text.ts';
import { textAt } from './fields.ts';
import type { ValueFault } from './row-rejection.ts';

export type NumberKind = 'int2' | 'int4' | 'int8' | 'float8';

/** Adds the JSON number at [start, end) of the data, with all of its digits. Returns why when it adds nothing. */
export type AddNumber = (out: CopyText, start: number, end: number) => ValueFault | undefined;

/** Returns how to add numbers to a column of this kind. */
export function numberAdder(kind: NumberKind): AddNumber {
  const isDouble = kind === 'float8';
  const plainLength = isDouble ? DOUBLE_DIGITS : INTEGERS[kind].digits;
  return (out, start, end) => {
    // Fast path for most numbers: fewer digits than the type's longest number, no exponent, a point only for a double.
    if (end - start < plainLength && plainness(out.data, start, end) >= (isDouble ? POINTED : WHOLE)) {
      addRaw(out, start, end);
      return undefined;
    }
    const digits = numberText(kind, textAt(out.data, start, end));
    if (typeof digits === 'object') return digits;
    addAscii(out, digits);
    return undefined;
  };
}

/** Returns a JSON number as Postgres reads it, with all of its digits, or why the type cannot hold it. */
export function numberText(kind: NumberKind, json: string): string | ValueFault {
  return kind === 'float8' ? (rejectedDouble(json) ?? json) : integerOf(json, kind);
}

const NOT_PLAIN = 0;
const POINTED = 1;
const WHOLE = 2;

function plainness(data: Uint8Array, start: number, end: number): typeof NOT_PLAIN | typeof POINTED | typeof WHOLE {
  let found: typeof POINTED | typeof WHOLE = WHOLE;
  for (let at = data[start] === MINUS ? start + 1 : start; at < end; at++) {
    const byte = data[at] as number;
    if (byte >= 0x30 && byte <= 0x39) continue;
    if (byte !== POINT) return NOT_PLAIN;
    found = POINTED;
  }
  return found;
}

const MINUS = 0x2d;
const POINT = 0x2e;
/** 10^308 is the largest power of ten that a double holds, 10^-307 the smallest with all of its digits. */
const DOUBLE_DIGITS = 300;

const INTEGERS = {
  int2: { type: 'smallint', bits: 16, digits: 5 },
  int4: { type: 'integer', bits: 32, digits: 10 },
  int8: { type: 'bigint', bits: 64, digits: 19 },
} as const;

/**
 * Returns the digits of an integer, however JSON wrote it: `1.0` and `1e3` are integers too, though Postgres would not
 * read them as such. For a number that is not an integer, or out of the type's range, returns Postgres's own error.
 */
function integerOf(json: string, kind: Exclude<NumberKind, 'float8'>): string | ValueFault {
  const { type, bits, digits: mostDigits } = INTEGERS[kind];
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = JSON_NUMBER.exec(json) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutEndZeros(digits);
  if (significant === '') return '0';
  const zeros = Number(exponent) - fraction.length + digits.length - significant.length;
  if (zeros < 0) return { code: '22P02', message: `invalid input syntax for type ${type}: "${json}"` };
  const outOfRange = { code: '22003', message: `value "${json}" is out of range for type ${type}` };
  if (significant.length + zeros > mostDigits) return outOfRange;
  const value = BigInt(`${sign}${significant}${'0'.repeat(zeros)}`);
  return BigInt.asIntN(bits, value) === value ? value.toString() : outOfRange;
}

/** Removes zeros from the end in linear time: `/0+$/` would try each zero of the number anew. */
function withoutEndZeros(digits: string): string {
  let end = digits.length;
  while (digits.charAt(end - 1) === '0') end -= 1;
  return digits.slice(0, end);
}

const JSON_NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Returns Postgres's error for a number that would overflow or underflow a `double precision`; rounding is fine. */
function rejectedDouble(json: string): ValueFault | undefined {
  const value = Number(json);
  const mantissa = json.replace(/[eE].*$/, '');
  if (Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(mantissa))) return undefined;
  return { code: '22003', message: `"${json}" is out of range for type double precision` };
}
