import { expect, test } from 'vitest';
import { type Position, positionOf } from '../../../../functions/runtime/position.ts';
import { type Standing, wasMoved } from '../../../../infra/operation/compare/standing.ts';

const at = (position: Position | undefined, more: { rewinds?: number; isRewinding?: boolean } = {}): Standing => ({
  shards: new Map([['shard', { position, hasEnded: false, rewinds: 0, isRewinding: false, ...more }]]),
  commits: 1,
});
const [early, late] = [positionOf('1', 0), positionOf('2', 0)];
const none: Standing = { shards: new Map(), commits: 0 };

test.each<[string, readonly [Standing, Standing], boolean]>([
  ['went on', [at(early), at(late)], false],
  ['stood still', [at(early), at(early)], false],
  ['read its first event', [none, at(early)], false],
  [
    'went on with a rewind that had begun',
    [at(early, { rewinds: 1, isRewinding: true }), at(late, { rewinds: 1 })],
    false,
  ],
  ['went back', [at(late), at(early)], true],
  ['forgot its position', [at(late), at(undefined)], true],
  ['began a rewind and has not gone back yet', [at(late), at(late, { isRewinding: true })], true],
  ['was rewound, and has caught up again', [at(early), at(late, { rewinds: 1 })], true],
])('rows are read again when a sink was moved back meanwhile: one that %s', (_, [before, after], expected) => {
  expect(wasMoved(before, after)).toBe(expected);
});
