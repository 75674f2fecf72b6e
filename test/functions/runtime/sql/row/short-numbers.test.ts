import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimalFromText } from '../../../../../functions/runtime/sql/numbers/decimals.ts';
import { repeatedTextAt, repeatedTexts } from '../../../../../functions/runtime/sql/row/repeated-texts.ts';
import { createRow, loadEvent, readRow } from '../../../../../functions/runtime/sql/row/row.ts';
import {
  anyDecimalAt,
  decimalAt,
  doubleAt,
  timestamptzAt,
  windowTimeAt,
} from '../../../../../functions/runtime/sql/row/row-values.ts';
import { timestamptzFromText } from '../../../../../functions/runtime/sql/time/timestamps.ts';

const row = createRow(['x']);

function load(json: string): typeof row {
  loadEvent(row, Buffer.from(`{"x":${json}}`));
  readRow(row);
  return row;
}

const NUMBERS = [
  '0',
  '-0',
  '-0.0',
  '1.50',
  '999999999999999',
  '9999999999999999',
  '0.000000000000001',
  '1e3',
  '-1.5E-7',
];
const number = fc.oneof(
  fc.constantFrom(...NUMBERS),
  fc
    .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 18n }), fc.option(fc.stringMatching(/^[0-9]{1,17}$/)))
    .map(
      ([isNegative, whole, fraction]) => `${isNegative ? '-' : ''}${whole}${fraction === null ? '' : `.${fraction}`}`,
    ),
);

test('short numbers are read from their bytes as JSON.parse and Postgres read them', () => {
  fc.assert(
    fc.property(number, (text) => {
      expect(Object.is(doubleAt(load(text), 0), JSON.parse(text))).toBe(true);
      expect(decimalAt(load(text), 0)).toEqual(decimalFromText(text));
      const short = anyDecimalAt(load(text), 0);
      if (short !== null && 'units' in short)
        expect({ digits: BigInt(short.units), scale: short.scale, special: undefined }).toEqual(decimalFromText(text));
      else expect(short).toEqual(decimalFromText(text));
    }),
  );
});

const TIMES = [
  ['2026-11-30T10:15:00Z', '2026-11-30 10:15:00+00'],
  ['2026-11-30T10:15:00.5Z', '2026-11-30 10:15:00.5+00'],
  ['2024-02-29T23:59:59.000001Z', '2024-02-29 23:59:59.000001+00'],
  ['1969-12-31T23:59:59.999999Z', '1969-12-31 23:59:59.999999+00'],
  ['1800-01-01T00:00:00Z', '1800-01-01 00:00:00+00'],
  ['2026-11-30T12:15:00+02:00', '2026-11-30 10:15:00+00'],
  ['2026-11-30T24:00:00Z', '2026-12-01 00:00:00+00'],
  ['2026-11-30T10:15:60Z', '2026-11-30 10:16:00+00'],
] as const;

test.each(TIMES)('the time %s is read from its bytes and from a text', (text, same) => {
  const expected = timestamptzFromText(same.replace(' ', 'T'));
  expect(timestamptzFromText(text)).toBe(expected);
  expect(timestamptzAt(load(`"${text}"`), 0)).toBe(expected);
  expect(windowTimeAt(load(`"${text}"`), 0)).toBe(Number(expected));
});

test.each([
  '2026-02-29T10:15:00Z',
  '2026-13-01T10:15:00Z',
  '2026-11-31T10:15:00Z',
  '2026-11-30T25:15:00Z',
  '2026-11-30T10:61:00Z',
  '2026-11-3xT10:15:00Z',
  '2026-11-30T10:15:0İZ',
  '2026-11-30T10:15:00.xZ',
])('%s is no time, however it is read', (text) => {
  expect(() => timestamptzFromText(text)).toThrow();
  expect(() => timestamptzAt(load(`"${text}"`), 0)).toThrow();
  expect(() => windowTimeAt(load(`"${text}"`), 0)).toThrow();
});

test('random times are the same whether they are read from bytes or by the rules for texts', () => {
  const micros = fc.tuple(
    fc.date({ min: new Date('1700-01-01'), max: new Date('2400-01-01'), noInvalidDate: true }),
    fc.integer({ min: 0, max: 999 }),
  );
  fc.assert(
    fc.property(micros, ([date, fraction]) => {
      const text = date.toISOString().replace('Z', `${String(fraction).padStart(3, '0')}Z`);
      const byRules = timestamptzFromText(text.replace('Z', '+00:00'));
      expect(timestamptzAt(load(`"${text}"`), 0)).toBe(byRules);
      expect(timestamptzFromText(text)).toBe(byRules);
    }),
  );
});

test('a text that is read again and again is read right, whatever came before it', () => {
  const known = repeatedTexts();
  const texts = ['', 'a', 'b', 'ab', 'ba', 'é', 'quote " and \\', 'x'.repeat(48), 'x'.repeat(49), 'Aa', 'BB'];
  for (const text of [...texts, ...texts.toReversed(), ...texts])
    expect(repeatedTextAt(load(JSON.stringify(text)), 0, known)).toBe(text);
  expect(repeatedTextAt(load('null'), 0, known)).toBeNull();
  expect(() => repeatedTextAt(load('17'), 0, known)).toThrow('must be text');
});
