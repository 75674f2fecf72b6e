import { expect, test } from 'vitest';
import { intervalFromText } from '../../../../../functions/runtime/sql/time/interval-text.ts';
import { intervalText } from '../../../../../functions/runtime/sql/time/intervals.ts';

// The results are Postgres 18's; the differential tests compare random ones.
test.each([
  ['1.5 days', '1 day 12:00:00'],
  ['-2.25 months', '-2 mons -7 days -12:00:00'],
  ['1-2', '1 year 2 mons'],
  ['-1-2 3 04:05', '-1 years -2 mons +3 days 04:05:00'],
  ['P1Y2M3DT4H5M6S', '1 year 2 mons 3 days 04:05:06'],
  ['P0001-02-03T04:05:06', '1 year 2 mons 3 days 04:05:06'],
  ['P00010203T040506', '1 year 2 mons 3 days 04:05:06'],
  ['P-1.5D', '-1 days -12:00:00'],
  ['PT36H', '36:00:00'],
  ['3 days ago', '-3 days'],
  ['5', '00:00:05'],
  ['+infinity', 'infinity'],
])('reads the interval %s as Postgres does', (text, shown) => {
  expect(intervalText(intervalFromText(text))).toBe(shown);
});

test.each([
  ['1 day 2 days', '22007'],
  ['p1d', '22007'],
  ['day', '22007'],
  ['1-12', '22015'],
  ['2147483648 days', '22015'],
])('rejects the interval %s with the code %s, as Postgres does', (text, code) => {
  expect(() => intervalFromText(text)).toThrow(expect.objectContaining({ code }));
});
