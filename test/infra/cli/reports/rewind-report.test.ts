import { expect, test } from 'vitest';
import { moveQuestion } from '../../../../infra/cli/reports/rewind-report.ts';
import type { ShardMove } from '../../../../infra/operation/control/preview-move.ts';

const move = (does: ShardMove['does'], events: number, more: Partial<ShardMove> = {}): ShardMove => ({
  shard: 'shardId-000000000000',
  does,
  events,
  records: events,
  ...more,
});

test.each([
  [[move('replays', 1), move('nothing', 0)], 'shop/table replays 1 event. Move it?'],
  [[move('replays', 700), move('replays', 800)], 'shop/table replays 1,500 events. Move it?'],
  [
    [move('replays', 7), move('skips', 5_000, { andMore: true })],
    'shop/table replays 7 events and skips over 5,000 events. Move it?',
  ],
  [[move('nothing', 0)], 'shop/table replays and skips nothing. Move it?'],
])('the question sums up the effect of a move on all shards', (preview, question) => {
  expect(moveQuestion('shop/table', preview)).toBe(question);
});
