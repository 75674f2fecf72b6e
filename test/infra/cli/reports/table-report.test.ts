import { expect, test } from 'vitest';
import { sizeText, tableReport } from '../../../../infra/cli/reports/table-report.ts';

test('each table has a row with its size, what is dead of it and how long events wait, and notes below', () => {
  const shop = { pipeline: 'shop' };
  const basket = { ...shop, table: 'basket', rows: 1_234_567, bytes: 3 * 1024 ** 3, bloat: 0.034, lagMillis: 90_000 };
  expect(tableReport([basket, { ...shop, table: 'last', note: 'it is not known' }]).split('\n')).toEqual([
    'table        rows        size   dead  waiting',
    '───────────  ──────────  ─────  ────  ───────',
    'shop/basket  ~1,234,567  3 GiB  3 %   90 s',
    'shop/last    –           –      –     –',
    '',
    'shop/last: it is not known',
  ]);
  expect(tableReport([])).toBe('');
});

test.each([
  [8_192, '8 KiB'],
  [1_500_000, '1.4 MiB'],
  [1_023 * 1024 ** 2, '1 GiB'],
  [5_000 * 1024 ** 4, '5000 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
