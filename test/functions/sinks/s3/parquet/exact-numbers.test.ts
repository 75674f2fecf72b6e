import { expect, test } from 'vitest';
import { decimalDigits, wholeNumber } from '../../../../../functions/sinks/s3/parquet/exact-numbers.ts';

const MONEY = { precision: 10, scale: 2 };

test.each([
  ['1.005', '1.01'],
  ['-1.005', '-1.01'],
  ['0.0049', '0.00'],
  ['1e3', '1000.00'],
  ['5e-3', '0.01'],
  ['1e-400', '0.00'],
  ['000012.50', '12.50'],
  ['99999999.994', '99999999.99'],
  ['99999999.995', undefined],
  ['123456789', undefined],
  ['1e400', undefined],
  ['1e99999999999', undefined],
  ['-0', '0.00'],
  ['twelve', undefined],
  ['', undefined],
])('%s in a column of numeric(10, 2) is %s, as in Postgres', (text, expected) => {
  expect(decimalDigits(text, MONEY)).toBe(expected);
});

test('a decimal keeps all digits that a double would lose', () => {
  const digits = '12345678901234567890.123456789012345678';
  expect(decimalDigits(digits, { precision: 38, scale: 18 })).toBe(digits);
  expect(decimalDigits('0.9994', { precision: 3, scale: 3 })).toBe('0.999');
  expect(decimalDigits('0.9995', { precision: 3, scale: 3 })).toBeUndefined();
});

test.each([
  ['2147483647', 32, '2147483647'],
  ['2147483648', 32, undefined],
  ['-9223372036854775808', 64, '-9223372036854775808'],
  ['9223372036854775808', 64, undefined],
  ['12.0', 32, '12'],
  ['1.5e1', 32, '15'],
  ['1.7', 32, undefined],
  ['0.005', 32, undefined],
  ['1e400', 64, undefined],
  ['true', 32, undefined],
] as const)('%s as a whole number of %i bits is %s', (text, bits, expected) => {
  expect(wholeNumber(text, bits)).toBe(expected);
});
