import { expect, test } from 'vitest';
import { adviceOf, counted, stateText } from '../../../infra/console/pages/words.ts';
import { summaryOf } from '../../../infra/console/step-summary.ts';
import type { StepStatus } from '../../../infra/operation/status/status.ts';

const row = (more: Partial<StepStatus>): StepStatus => ({
  pipeline: 'p',
  step: 's',
  delivery: 'continuous',
  state: 'idle',
  deadLetters: 0,
  ...more,
});

test('a step is as its worst shard, and its counts are those of all shards', () => {
  const summary = summaryOf([
    row({ shard: 'shardId-0', eventsBehind: 3, lagMillis: 1_000, deadLetters: 2, state: 'running' }),
    row({ shard: 'shardId-1', eventsBehind: 500, lagMillis: 400_000, andMore: true, state: 'behind', note: 'why' }),
    row({ shard: 'shardId-2', eventsBehind: 0, deadLetters: 1, note: 'not this' }),
  ]);
  expect(summary).toEqual({
    pipeline: 'p',
    step: 's',
    state: 'behind',
    shards: 3,
    lagMillis: 400_000,
    behind: 503,
    counts: 'events',
    andMore: true,
    deadLetters: 3,
    note: 'why',
  });
  expect(stateText(summary!)).toEqual({ text: 'behind 6 min · over 503 events', trouble: 'look' });
  expect(adviceOf(summary!)).toBe('why');
});

test('only trouble has a colour', () => {
  const troubleOf = (state: StepStatus['state']) => stateText(summaryOf([row({ state })])!).trouble;
  const quiet = ['running', 'idle', 'ended', 'paused', 'rewinding', 'rebuilding'] as const;
  expect(quiet.map(troubleOf)).toEqual(quiet.map(() => 'none'));
  expect([troubleOf('behind'), troubleOf('unknown'), troubleOf('held')]).toEqual(['look', 'look', 'bad']);
});

test('a count has a comma before each three digits', () => {
  const texts = [0, 1, 999, 1_000, 12_345, 1_234_567].map((count) => counted(count, 'event'));
  expect(texts).toEqual(['0 events', '1 event', '999 events', '1,000 events', '12,345 events', '1,234,567 events']);
});

test('a source that reads a queue counts messages', () => {
  const summary = summaryOf([row({ delivery: 'queue', state: 'running', recordsBehind: 1 })])!;
  expect(stateText(summary).text).toBe('running · 1 message');
  expect(summaryOf([])).toBeUndefined();
});
