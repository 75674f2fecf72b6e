import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTimestamp, skipPlainTimestamp } from '../../../../functions/runtime/json/timestamp.ts';

describe('timestamps', () => {
  test.each([
    '2026-01-31T23:59:59Z',
    '2026-01-31T00:00:00.1Z',
    '2026-01-31T00:00:00.123456789Z',
    '2024-02-29T12:00:00+05:30',
    '2000-02-29T12:00:00-23:59',
    '0000-02-29T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
  ])('%s is accepted', (text) => {
    expect(isTimestamp(text)).toBe(true);
    expect(Date.parse(text)).not.toBeNaN();
  });

  test.each([
    ['without a zone', '2026-01-31T23:59:59'],
    ['a date', '2026-01-31'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['the thirtieth of February', '2026-02-30T00:00:00Z'],
    ['a leap day in another year', '2026-02-29T00:00:00Z'],
    ['a leap day in 1900', '1900-02-29T00:00:00Z'],
    ['the 31st of April', '2026-04-31T00:00:00Z'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['month 0', '2026-00-01T00:00:00Z'],
    ['day 0', '2026-01-00T00:00:00Z'],
    ['hour 24', '2026-01-01T24:00:00Z'],
    ['minute 60', '2026-01-01T00:60:00Z'],
    ['zone +24:00', '2026-01-01T00:00:00+24:00'],
    ['a blank for the T', '2026-01-01 00:00:00Z'],
    ['an empty fraction', '2026-01-01T00:00:00.Z'],
    ['a year of five digits', '12026-01-01T00:00:00Z'],
    ['a line break at its end', '2026-01-01T00:00:00Z\n'],
    ['empty', ''],
  ])('%s is not accepted', (_, text) => {
    expect(isTimestamp(text)).toBe(false);
  });

  test('are skipped as bytes only when they are timestamps', () => {
    const time = fc
      .date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
      .map((date) => date.toISOString());
    const near = fc.tuple(time, fc.nat(23), fc.constantFrom(...'0123456789-:.TZ+ "')).map(([text, at, character]) => {
      return text.slice(0, at) + character + text.slice(at + 1);
    });
    fc.assert(
      fc.property(fc.oneof(time, near), (text) => {
        const end = skipPlainTimestamp(Buffer.from(`"${text}"`), 1);
        if (end !== -1) expect(isTimestamp(text.slice(0, end - 1))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of every day are skipped as bytes, except for a leap day at the turn of a century', () => {
    const days = Array.from({ length: 1461 }, (_, day) =>
      new Date(Date.UTC(2026, 0, 1 + day, 23, 59, 59, 999)).toISOString(),
    );
    expect(skipPlainTimestamp(Buffer.from('2000-02-29T00:00:00Z'), 0)).toBe(-1);
    for (const text of [...days, '2026-12-01T00:00:00Z']) {
      expect(skipPlainTimestamp(Buffer.from(`"${text}"`), 1)).toBe(1 + text.length);
    }
  });
});
