import { expect, test } from 'vitest';
import { statusReport } from '../../../../infra/cli/reports/status-report.ts';
import type { StepStatus } from '../../../../infra/operation/status/status.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');

const row = (step: string, more: Partial<StepStatus> = {}): StepStatus => ({
  pipeline: 'shop',
  step,
  delivery: 'continuous',
  state: 'idle',
  deadLetters: 0,
  ...more,
});
const shard = (number: number): string => `shardId-${String(number).padStart(12, '0')}`;

const linesOf = (...rows: readonly StepStatus[]): string[] => statusReport('here', rows, NOW).split('\n');

test.each([
  [{ recordsBehind: 0, eventsBehind: 0 }, '0 events'],
  [{ recordsBehind: 1, eventsBehind: 1 }, '1 event'],
  [{ recordsBehind: 2, eventsBehind: 1_200 }, '1,200 events'],
  [{ recordsBehind: 9, eventsBehind: 9_000, andMore: true }, 'over 9,000 events'],
  [{ delivery: 'queue', recordsBehind: 1 }, '1 message'],
  [{}, '–'],
] as const)('shows %o as %s behind', (more, text) => {
  expect(linesOf(row('cleaning', more))[4]?.split(/ {2,}/)).toContain(text);
});

test('prints a note once with all shards of the step that have it', () => {
  const notes = linesOf(
    row('cleaning', { shard: shard(0), note: 'it rests' }),
    row('cleaning', { shard: shard(1) }),
    row('cleaning', { shard: shard(12), note: 'it rests' }),
    row('cleaning', { shard: shard(3), note: 'it works' }),
    row('door', { note: 'it is closed' }),
  ).slice(-3);
  expect(notes).toEqual([
    'shop/cleaning (shard 0, 12): it rests',
    'shop/cleaning (shard 3): it works',
    'shop/door: it is closed',
  ]);
});

test('names a step that is not deterministic once, as at least once', () => {
  const lines = linesOf(
    row('guessing', { shard: shard(0), promise: 'at least once' }),
    row('guessing', { shard: shard(1), promise: 'at least once' }),
  );
  expect(lines.filter((line) => line.includes('at least once'))).toEqual([
    'shop/guessing: at least once, because its code is declared not deterministic',
  ]);
});
