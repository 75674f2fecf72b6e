import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { canonical } from '../../../../infra/operation/compare/canonical.ts';
import { parseExactly } from '../../../../infra/operation/compare/exact-json.ts';
import { type Form, formsOf, strongestForm } from '../../../../infra/operation/compare/forms.ts';
import { momentText } from '../../../../infra/operation/compare/moments.ts';
import { numberText } from '../../../../infra/operation/compare/numbers.ts';

const json = (text: string, form: Form) => canonical(parseExactly(text), form);
const [number, double, moment, any]: readonly Form[] = [
  { kind: 'number' },
  { kind: 'double' },
  { kind: 'moment' },
  { kind: 'json' },
];

describe('one value, written in two ways, is the same', () => {
  test.each<[Form, string, string]>([
    [number!, '1.0', '1'],
    [number!, '1e3', '"1000.00"'],
    [number!, '-0', '0'],
    [number!, '100000000000000000000001', '"100000000000000000000001.0"'],
    [number!, '1E-7', '"0.0000001"'],
    [double!, '0.1', '"0.1000000000000000055"'],
    [{ kind: 'decimal', precision: 10, scale: 2 }, '1.005', '"1.01"'],
    [moment!, '"2026-01-31T12:00:00+02:00"', '"2026-01-31 10:00:00+00"'],
    [moment!, '"2026-01-31T12:00:00.500Z"', '"2026-01-31 12:00:00.5+00"'],
    [moment!, '"2025-12-31T23:59:59.9999999Z"', '"2026-01-01 00:00:00+00"'],
    [{ kind: 'boolean' }, 'true', '"t"'],
    [{ kind: 'uuid' }, '"A0EE"', '"a0ee"'],
    [{ kind: 'padded' }, '"PAID"', '"PAID     "'],
    [any!, '{"b":1.0,"a":{"c":null}}', '{"a":{},"b":1}'],
    [any!, 'null', 'null'],
    [{ kind: 'list', element: moment! }, '["2026-01-31T12:00:00Z"]', '["2026-01-31 12:00:00+00"]'],
    [
      { kind: 'struct', fields: new Map([['n', number!]]) },
      '{"n":9007199254740993}',
      '{"n":"9007199254740993","m":null}',
    ],
  ])('%j: %s and %s', (form, one, other) => {
    expect(json(one, form)).toBe(json(other, form));
  });
});

describe('two values stay two', () => {
  test.each<[Form, string, string]>([
    [number!, '9007199254740993', '9007199254740992'],
    [number!, '0.1000000000000000055', '0.1'],
    [number!, '"n/a"', 'null'],
    [moment!, '"2026-01-31T12:00:00.000001Z"', '"2026-01-31T12:00:00Z"'],
    [{ kind: 'text' }, '"PAID"', '"PAID "'],
    [{ kind: 'text' }, '"1.0"', '"1"'],
    [{ kind: 'text' }, '""', 'null'],
    [any!, '[1,2]', '[2,1]'],
    [any!, '[null]', '[]'],
    [any!, '"1"', '1'],
    [any!, '{"a":false}', '{}'],
  ])('%j: %s and %s', (form, one, other) => {
    expect(json(one, form)).not.toBe(json(other, form));
  });
});

test('a number has one text, however it is written, and numbers that differ have different ones', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
      fc.integer({ min: -20, max: 20 }),
      (digits, shift) => {
        const text = numberText(`${digits}e${shift}`);
        expect(numberText(`${digits}000e${shift - 3}`)).toBe(text);
        expect(numberText(text ?? '')).toBe(text);
        expect(numberText(`${digits + 1n}e${shift}`)).not.toBe(text);
      },
    ),
  );
});

test('a time has one text in all zones', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true, min: new Date('1970-01-02'), max: new Date('2100-01-01') }), (date) => {
      const there = new Date(date.getTime() + 5.5 * 3_600_000).toISOString().replace('Z', '+05:30');
      expect(momentText(there)).toBe(momentText(date.toISOString()));
    }),
  );
});

test('the schema says how a field is compared, and a column that keeps less of it has its way', () => {
  const forms = formsOf(
    z.object({
      at: z.iso.datetime(),
      n: z.number().nullish(),
      s: z.string(),
      o: z.object({ d: z.iso.date() }),
      u: z.unknown(),
    }),
  );
  expect([...forms].map(([name, { kind }]) => `${name} ${kind}`)).toEqual([
    'at moment',
    'n number',
    's text',
    'o struct',
    'u json',
  ]);
  expect(strongestForm({ kind: 'number' }, [{ kind: 'double' }, undefined])).toEqual({ kind: 'double' });
  expect(strongestForm({ kind: 'text' }, [undefined, { kind: 'number' }])).toEqual({ kind: 'number' });
  expect(strongestForm({ kind: 'json' }, [{ kind: 'number' }, undefined])).toEqual({ kind: 'json' });
});
