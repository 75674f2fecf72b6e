import { expect, test } from 'vitest';
import type { Accumulator } from '../../../../../functions/runtime/sql/aggregates/accumulator.ts';
import { MOST_SIZE, MOST_VALUES } from '../../../../../functions/runtime/sql/aggregates/bounds.ts';
import { earliestBy, latestBy } from '../../../../../functions/runtime/sql/aggregates/by-order.ts';
import { collected } from '../../../../../functions/runtime/sql/aggregates/collected.ts';
import { countOfRows, countOfValues } from '../../../../../functions/runtime/sql/aggregates/counts.ts';
import {
  spreadsOfBigints,
  spreadsOfDecimals,
} from '../../../../../functions/runtime/sql/aggregates/decimal-variances.ts';
import {
  averageOfDoubles,
  spreadsOfDoubles,
} from '../../../../../functions/runtime/sql/aggregates/double-variances.ts';
import {
  areAllTrue,
  greatestDecimal,
  greatestOf,
  isAnyTrue,
  leastDecimal,
  leastOf,
} from '../../../../../functions/runtime/sql/aggregates/extremes.ts';
import { greatestDistinct, greatestValues } from '../../../../../functions/runtime/sql/aggregates/greatest-values.ts';
import { countsOfTexts } from '../../../../../functions/runtime/sql/aggregates/histograms.ts';
import { sameIdentity } from '../../../../../functions/runtime/sql/aggregates/identity.ts';
import { arrayOfValues, textOfValues } from '../../../../../functions/runtime/sql/aggregates/lists.ts';
import {
  averageOfBigints,
  averageOfDecimals,
  averageOfIntegers,
  sumOfBigints,
  sumOfDecimals,
  sumOfDoubles,
  sumOfIntegers,
} from '../../../../../functions/runtime/sql/aggregates/sums.ts';
import { jsonText } from '../../../../../functions/runtime/sql/json/json.ts';
import { decimalIdentity } from '../../../../../functions/runtime/sql/numbers/decimal-functions.ts';
import type { Decimal } from '../../../../../functions/runtime/sql/numbers/decimals.ts';
import { decimalFromText, decimalText } from '../../../../../functions/runtime/sql/numbers/decimals.ts';
import { compareDoubles } from '../../../../../functions/runtime/sql/numbers/doubles.ts';
import { compareText, sameText } from '../../../../../functions/runtime/sql/text/text.ts';

type Any = Accumulator<never, readonly never[], unknown>;

/** Adds rows one after another, each to a state that was saved and loaded. */
function resultOf(accumulator: unknown, rows: readonly (readonly unknown[])[]): unknown {
  const { start, add, save, load, result } = accumulator as Any;
  const state = rows.reduce<unknown>(
    (before, row) => load(save(add(before as never, ...(row as never[])) as never)),
    start(),
  );
  const value = result(state as never);
  return typeof value === 'object' && value !== null && 'digits' in value ? decimalText(value as Decimal) : value;
}

const one = (values: readonly unknown[]): readonly (readonly unknown[])[] => values.map((value) => [value]);
const decimals = (...texts: readonly string[]): readonly (readonly unknown[])[] => one(texts.map(decimalFromText));

test.each([
  ['count(*)', countOfRows, [[], [], []], 3n],
  ['sum(integer) is a bigint', sumOfIntegers, one([2147483647, 2147483647]), 4294967294n],
  ['sum(bigint) is a numeric', sumOfBigints, one([2n ** 63n - 1n, 1n]), '9223372036854775808'],
  ['sum(numeric) keeps the larger scale', sumOfDecimals, decimals('1.5', '2.250'), '3.750'],
  ['sum(numeric) with NaN', sumOfDecimals, decimals('1', 'NaN', '2'), 'NaN'],
  ['sum(numeric) of both infinities', sumOfDecimals, decimals('Infinity', '-Infinity'), 'NaN'],
  ['sum(double precision)', sumOfDoubles, one([0.1, 0.2]), 0.30000000000000004],
  ['avg(integer) has 16 significant digits', averageOfIntegers, one([1, 2, 2]), '1.6666666666666667'],
  ['avg(bigint) beyond 64 bits', averageOfBigints, one([2n ** 63n - 1n, 2n ** 63n - 1n]), '9223372036854775807'],
  ['avg(numeric)', averageOfDecimals, decimals('1.00', '2'), '1.5000000000000000'],
  ['avg(double precision)', averageOfDoubles, one([1, 2]), 1.5],
  ['var_samp(bigint) of one value', spreadsOfBigints.sampleVariance, one([5n]), null],
  ['var_pop(bigint) of one value', spreadsOfBigints.variance, one([5n]), '0'],
  ['stddev(numeric)', spreadsOfDecimals.sampleDeviation, decimals('1', '2', '4'), '1.5275252316519467'],
  ['variance(numeric) with an infinity', spreadsOfDecimals.sampleVariance, decimals('1', 'Infinity'), 'NaN'],
  ['variance(double precision) of one infinity', spreadsOfDoubles.variance, one([Infinity]), NaN],
  ['stddev_pop(double precision)', spreadsOfDoubles.deviation, one([2, 4]), 1],
  ['max(double precision) with NaN', greatestOf(compareDoubles), one([1, NaN, 2]), NaN],
  ['max(numeric) of equal values gives the latest', greatestDecimal, decimals('1.0', '1.00'), '1.00'],
  ['max(numeric) with NaN', greatestDecimal, decimals('1', 'NaN', 'Infinity'), 'NaN'],
  [
    'max(numeric) beyond a double',
    greatestDecimal,
    decimals('1e30', '2', '1000000000000000000000000000001'),
    '1000000000000000000000000000001',
  ],
  ['min(numeric) with different scales', leastDecimal, decimals('0.1', '-0.00001', '-1e-30'), '-0.00001'],
  ['min(text) goes by code point', leastOf(compareText), one(['é', 'z', 'Z']), 'Z'],
  ['bool_and', areAllTrue, one([true, false]), false],
  ['bool_or', isAnyTrue, one([false, true]), true],
  [
    'string_agg skips nulls and the first delimiter',
    textOfValues,
    [
      ['a', '!'],
      [null, ','],
      ['b', ','],
      ['c', null],
    ],
    'a,bc',
  ],
  [
    'latest gives the last of equal rows',
    latestBy(compareText),
    [
      ['x', '1'],
      ['y', '2'],
      ['z', '2'],
      ['w', '1'],
    ],
    'z',
  ],
  [
    'earliest gives the first of equal rows',
    earliestBy(compareText),
    [
      ['x', '2'],
      ['y', '1'],
      ['z', '1'],
    ],
    'y',
  ],
  [
    'latest may be null, and skips rows without a place',
    latestBy(compareText),
    [
      ['x', '1'],
      [null, '2'],
      ['z', null],
    ],
    null,
  ],
  ['topk', greatestValues(compareText), ['b', 'c', 'a', 'c'].map((text) => [text, 3]), ['c', 'c', 'b']],
  ['topkdistinct', greatestDistinct(compareText), ['b', 'c', 'a', 'c', 'b'].map((text) => [text, 2]), ['c', 'b']],
  ['array_agg keeps nulls', arrayOfValues, one([1, null]), [1, null]],
] as const)('%s', (...[, accumulator, rows, expected]) => {
  expect(resultOf(accumulator, rows)).toEqual(expected);
});

test('without values, count is 0 and all others are null', () => {
  expect([countOfRows, countOfValues].map((accumulator) => resultOf(accumulator, []))).toEqual([0n, 0n]);
  const others = [sumOfIntegers, averageOfDecimals, averageOfDoubles, spreadsOfDoubles.variance, areAllTrue];
  const lists = [textOfValues, arrayOfValues, spreadsOfDecimals.deviation];
  expect(new Set([...others, ...lists].map((accumulator) => resultOf(accumulator, [])))).toEqual(new Set([null]));
});

test('an overflow is the error 22003, and leaves the state as it was', () => {
  const full = sumOfIntegers.load([2n ** 63n - 1n]);
  expect(() => sumOfIntegers.add(full, 1)).toThrow(expect.objectContaining({ code: '22003' }));
  expect(sumOfIntegers.result(full)).toBe(2n ** 63n - 1n);
  const huge = sumOfDoubles.add(null, 1e308);
  expect(() => sumOfDoubles.add(huge, 1e308)).toThrow(expect.objectContaining({ code: '22003' }));
  // The squares overflow, although the sum does not.
  const wide = averageOfDoubles.add(averageOfDoubles.start(), 1e300);
  expect(() => averageOfDoubles.add(wide, -1e300)).toThrow(expect.objectContaining({ code: '22003' }));
});

const distinctTexts = collected(textOfValues as never, {
  args: 2,
  distinct: [sameIdentity, sameIdentity],
  sorting: [{ index: 0, compare: compareText, isDescending: true, nullsFirst: false }],
  texts: [
    [sameText, sameText],
    [sameText, sameText],
  ],
});

test('DISTINCT adds equal rows once, and ORDER BY sorts them', () => {
  const rows = ['b', 'a', 'b', 'c'].map((text) => [text, ',']);
  expect(resultOf(distinctTexts, rows)).toBe('c,b,a');
  const distinct = {
    args: 1,
    distinct: [decimalIdentity],
    sorting: [],
    texts: [[decimalText, decimalFromText]] as const,
  };
  expect(resultOf(collected(countOfValues as never, distinct), decimals('1', '1.00', '2', 'NaN', 'NaN'))).toBe(3n);
});

test('a row that was added to a state and dropped is not in what follows', () => {
  const before = distinctTexts.add(distinctTexts.start(), 'a', ',');
  distinctTexts.add(before, 'dropped', ',');
  const after = distinctTexts.add(before, 'b', ',');
  expect(distinctTexts.result(after)).toBe('b,a');
  expect(distinctTexts.result(distinctTexts.add(after, 'dropped', ','))).toBe('dropped,b,a');
  const list = arrayOfValues.add(arrayOfValues.start(), 1);
  arrayOfValues.add(list, 2);
  expect(arrayOfValues.result(arrayOfValues.add(list, 3))).toEqual([1, 3]);
});

test('histogram counts each text, and no row that was dropped', () => {
  const { start, add, result, save, load } = countsOfTexts;
  expect(result(start())).toBeNull();
  const one = add(start(), 'a');
  add(one, 'dropped');
  const two = load(save(add(one, 'a')));
  add(two, 'dropped');
  expect(jsonText(result(add(two, 'b')) ?? '')).toBe('{"a": 2, "b": 1}');
});

test('what an aggregate keeps of the values of a group is bounded in number and in size', () => {
  const bound = expect.objectContaining({ code: '54000' });
  let list = arrayOfValues.start();
  for (let i = 0; i < MOST_VALUES; i += 1) list = arrayOfValues.add(list, i);
  expect(() => arrayOfValues.add(list, 0)).toThrow(bound);
  expect(() => arrayOfValues.add(arrayOfValues.start(), 'x'.repeat(MOST_SIZE + 1))).toThrow(bound);
  const text = textOfValues.add(null, 'x'.repeat(MOST_SIZE), null);
  expect(() => textOfValues.add(text, 'y', null)).toThrow(bound);
  let rows = distinctTexts.start();
  for (let i = 0; i < MOST_VALUES; i += 1) rows = distinctTexts.add(rows, String(i), ',');
  expect(distinctTexts.add(rows, '0', ',')).toBe(rows);
  expect(() => distinctTexts.add(rows, 'new', ',')).toThrow(bound);
  expect(() => distinctTexts.add(distinctTexts.start(), 'x'.repeat(MOST_SIZE), ',')).toThrow(bound);
});
