import { expect, test } from 'vitest';
import { sizeText, tableReport } from '../../../../infra/cli/reports/table-report.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');

test('each table has a row with its size, what is dead of it and how long events wait, and notes below', () => {
  const shop = { pipeline: 'shop' };
  const basket = { ...shop, table: 'basket', rows: 1_234_567, bytes: 3 * 1024 ** 3, bloat: 0.034, lagMillis: 90_000 };
  expect(tableReport([basket, { ...shop, table: 'last', note: 'it is not known' }], NOW).split('\n')).toEqual([
    'table        rows        size   dead  waiting',
    '───────────  ──────────  ─────  ────  ───────',
    'shop/basket  ~1,234,567  3 GiB  3 %   90 s',
    'shop/last    –           –      –     –',
    '',
    'shop/last: it is not known',
  ]);
  expect(tableReport([], NOW)).toBe('');
});

test('the columns of time are there when a table knows the time, and a shard without a tick is told', () => {
  const of = { pipeline: 'shop', rows: 10, bytes: 8_192, bloat: 0 };
  const tables = [
    { ...of, table: 'basket' },
    { ...of, table: 'days', watermark: '2026-01-01T11:59:24.000Z', openWindows: 97 },
    { ...of, table: 'hops', watermark: '2026-01-01T09:00:00.000Z', openWindows: 1_000, moreWindows: true as const },
    { ...of, table: 'new', watermark: null, openWindows: 2 },
  ];
  const report = tableReport(tables, NOW);
  expect(report.split('\n').map((line) => line.trimEnd())).toEqual([
    'table        rows  size   dead  waiting  watermark                       open windows',
    '───────────  ────  ─────  ────  ───────  ──────────────────────────────  ────────────',
    'shop/basket  ~10   8 KiB  0 %   –        –                               –',
    'shop/days    ~10   8 KiB  0 %   –        2026-01-01 11:59:24Z, 36 s ago            97',
    'shop/hops    ~10   8 KiB  0 %   –        2026-01-01 09:00:00Z, 3 h ago   over 1,000',
    'shop/new     ~10   8 KiB  0 %   –        none yet                                   2',
    '',
    'shop/new: a shard of its stream has brought no tick yet, or backfillUntil holds time back, so its windows do not close; see the steps above',
  ]);
});

test.each([
  [8_192, '8 KiB'],
  [1_500_000, '1.4 MiB'],
  [1_023 * 1024 ** 2, '1 GiB'],
  [5_000 * 1024 ** 4, '5000 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
