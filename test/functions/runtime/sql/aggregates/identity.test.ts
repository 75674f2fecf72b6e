import { expect, test } from 'vitest';
import type { Identity } from '../../../../../functions/runtime/sql/aggregates/identity.ts';
import {
  arrayIdentity,
  joinedIdentity,
  sameIdentity,
} from '../../../../../functions/runtime/sql/aggregates/identity.ts';
import { jsonFromText, jsonIdentity } from '../../../../../functions/runtime/sql/json/json.ts';
import { decimalIdentity } from '../../../../../functions/runtime/sql/numbers/decimal-functions.ts';
import { decimalFromText } from '../../../../../functions/runtime/sql/numbers/decimals.ts';
import { intervalFromText } from '../../../../../functions/runtime/sql/time/interval-text.ts';
import { intervalIdentity } from '../../../../../functions/runtime/sql/time/intervals.ts';

const count = (identities: readonly Identity[]): number => new Set(identities).size;

test('numbers that are equal have one identity, whatever their scales', () => {
  const same = (...texts: readonly string[]): number => count(texts.map(decimalFromText).map(decimalIdentity));
  expect([same('1', '1.0', '1.000'), same('0', '0.00', '-0'), same('NaN', 'NaN'), same('100', '1e2')]).toEqual([
    1, 1, 1, 1,
  ]);
  expect(same('1', '10', '0.1', '1.01', '-1', 'NaN', 'Infinity', '-Infinity')).toBe(8);
});

test('of double precision, NaN is one group and so are 0 and -0', () => {
  expect(count([NaN, 0 / 0, 0, -0].map(sameIdentity))).toBe(2);
  expect(count([NaN, 0, -0].map((value) => joinedIdentity([value, 'x'])))).toBe(2);
});

test('jsonb and intervals have the identity of their value', () => {
  const json = (...texts: readonly string[]): number => count(texts.map(jsonFromText).map(jsonIdentity));
  expect(json('{"a": 1, "bb": [1.0]}', '{"bb": [1.00], "a": 1.0}')).toBe(1);
  expect(json('1', '"1"', '[1]', 'null', '"null"', '{}', '[]')).toBe(7);
  const interval = (...texts: readonly string[]): number => count(texts.map(intervalFromText).map(intervalIdentity));
  expect(interval('1 day', '24 hours')).toBe(1);
  expect(interval('1 month', '31 days', 'infinity', '-infinity')).toBe(4);
});

test('no two different keys of several values have one identity', () => {
  const parts = [null, '', '-', '0:', '1:a', 'a', '1:-', '2:--'];
  const keys = parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => joinedIdentity([a, b, c]))));
  expect(count(keys)).toBe(parts.length ** 3);
  const array = arrayIdentity<string>(sameIdentity);
  expect(count([['a', null], [null, 'a'], ['a'], ['a', '-'], []].map(array))).toBe(5);
});
