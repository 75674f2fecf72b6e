import { describe, expect, test } from 'vitest';
import { parsePosition, shardsOf } from '../../../../infra/cli/arguments/positions.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');

describe('where an operator wants a step to be', () => {
  test.each([
    ['earliest', 'earliest'],
    ['latest', { millis: NOW }],
    ['-15m', { millis: NOW - 15 * 60_000 }],
    ['2026-01-31T09:00:00Z', { millis: NOW - 3 * 3_600_000 }],
    [
      '49680472821001346888064801005289112571469694611459407874',
      { sequenceNumber: '49680472821001346888064801005289112571469694611459407874' },
    ],
  ])('%s', (said, target) => {
    expect(parsePosition(said, NOW)).toEqual(target);
  });

  test.each(['noon', '', '2026', '-15', '30543362'])('%j is no position', (said) => {
    expect(() => parsePosition(said, NOW)).toThrow(
      `'${said}' is no position: earliest, latest, 2026-01-31T23:59:00Z, -15m (s, m, h, d), or a sequence number`,
    );
  });

  test.each([
    [undefined, undefined],
    ['3', ['shardId-000000000003']],
    ['0, 12', ['shardId-000000000000', 'shardId-000000000012']],
    ['shardId-000000000007', ['shardId-000000000007']],
  ])('in the shards %s', (said, shards) => {
    expect(shardsOf(said)).toEqual(shards);
  });
});
