import { addAscii, addRaw, type CopyText } from './copy-text.ts';
import { textAt } from './fields.ts';
import type { Refusal } from './refusal.ts';

export type NumberKind = 'int2' | 'int4' | 'int8' | 'float8';

interface NumberRange {
  readonly start: number;
  readonly end: number;
  readonly kind: NumberKind;
}

/** Adds a JSON number to a column of a type of numbers, with all of its digits. A refusal: nothing was added. */
export function addNumber(out: CopyText, data: Uint8Array, range: NumberRange): Omit<Refusal, 'column'> | undefined {
  const { start, end, kind } = range;
  if (isPlain(data, range)) addRaw(out, data, range);
  else if (kind === 'float8') {
    const refused = refusedDouble(textAt(data, start, end));
    if (refused !== undefined) return refused;
    addRaw(out, data, range);
  } else {
    const digits = integerOf(textAt(data, start, end), kind);
    if (typeof digits === 'object') return digits;
    addAscii(out, digits);
  }
  return undefined;
}

/** No need to look closer: digits that are fewer than the type's longest; for a double also a point, but no exponent. */
function isPlain(data: Uint8Array, { start, end, kind }: NumberRange): boolean {
  const isDouble = kind === 'float8';
  if (end - start >= (isDouble ? DOUBLE_DIGITS : INTEGERS[kind].digits)) return false;
  for (let at = data[start] === MINUS ? start + 1 : start; at < end; at++) {
    const byte = data[at] as number;
    if ((byte < 0x30 || byte > 0x39) && !(isDouble && byte === POINT)) return false;
  }
  return true;
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
 * The digits of an integer, however JSON wrote it: `1.0` and `1e3` are integers too, which Postgres would not read as such. A refusal,
 * in Postgres's words, for what is not an integer or out of the type's range.
 */
function integerOf(json: string, kind: Exclude<NumberKind, 'float8'>): string | Omit<Refusal, 'column'> {
  const { type, bits, digits: mostDigits } = INTEGERS[kind];
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = JSON_NUMBER.exec(json) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const zeros = Number(exponent) - fraction.length + digits.length - significant.length;
  if (zeros < 0) return { code: '22P02', message: `invalid input syntax for type ${type}: "${json}"` };
  const outOfRange = { code: '22003', message: `value "${json}" is out of range for type ${type}` };
  if (significant.length + zeros > mostDigits) return outOfRange;
  const value = BigInt(`${sign}${significant}${'0'.repeat(zeros)}`);
  return BigInt.asIntN(bits, value) === value ? value.toString() : outOfRange;
}

const JSON_NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Undefined when a `double precision` can hold the number; it may round it, but neither overflow nor underflow. */
function refusedDouble(json: string): Omit<Refusal, 'column'> | undefined {
  const value = Number(json);
  const mantissa = json.replace(/[eE].*$/, '');
  if (Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(mantissa))) return undefined;
  return { code: '22003', message: `"${json}" is out of range for type double precision` };
}
