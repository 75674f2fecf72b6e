import { expect, test } from 'vitest';
import { statusReport } from '../../../../infra/cli/reports/status-report.ts';
import type { Standing } from '../../../../infra/operation/status/status.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');

const standing = (step: string, more: Partial<Standing> = {}): Standing => ({
  pipeline: 'shop',
  step,
  delivery: 'continuous',
  state: 'idle',
  deadLetters: 0,
  ...more,
});
const shard = (number: number): string => `shardId-${String(number).padStart(12, '0')}`;

const rowsOf = (...standings: readonly Standing[]): string[] => statusReport('here', standings, NOW).split('\n');

test.each([
  [{ recordsBehind: 0, eventsBehind: 0 }, '0 events'],
  [{ recordsBehind: 1, eventsBehind: 1 }, '1 event'],
  [{ recordsBehind: 2, eventsBehind: 1_200 }, '1,200 events'],
  [{ recordsBehind: 9, eventsBehind: 9_000, andMore: true }, 'over 9,000 events'],
  [{ delivery: 'queue', recordsBehind: 1 }, '1 message'],
  [{}, '–'],
] as const)('what is behind, %o, is %s', (more, text) => {
  expect(rowsOf(standing('cleaning', more))[4]?.split(/ {2,}/)).toContain(text);
});

test('a note that several shards of a step have is said once, with those shards', () => {
  const notes = rowsOf(
    standing('cleaning', { shard: shard(0), note: 'it rests' }),
    standing('cleaning', { shard: shard(1) }),
    standing('cleaning', { shard: shard(12), note: 'it rests' }),
    standing('cleaning', { shard: shard(3), note: 'it works' }),
    standing('door', { note: 'it is closed' }),
  ).slice(-3);
  expect(notes).toEqual(['shop/cleaning 0, 12: it rests', 'shop/cleaning 3: it works', 'shop/door: it is closed']);
});

test('a step that is not deterministic is promised at least once, and said so once', () => {
  const rows = rowsOf(
    standing('guessing', { shard: shard(0), promise: 'at least once' }),
    standing('guessing', { shard: shard(1), promise: 'at least once' }),
  );
  expect(rows.filter((row) => row.includes('at least once'))).toEqual([
    'shop/guessing: at least once, for its code says that it is not deterministic',
  ]);
});
