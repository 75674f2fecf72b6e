import { describe, expect, test } from 'vitest';
import { parsePosition, parseShards } from '../../../../infra/operation/control/move-request.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');

describe('parsePosition and parseShards', () => {
  test.each([
    ['earliest', 'earliest'],
    ['latest', { millis: NOW }],
    ['-15m', { millis: NOW - 15 * 60_000 }],
    ['2026-01-31T09:00:00Z', { millis: NOW - 3 * 3_600_000 }],
    [
      '49680472821001346888064801005289112571469694611459407874',
      { sequenceNumber: '49680472821001346888064801005289112571469694611459407874' },
    ],
  ])('parse the position %s', (text, position) => {
    expect(parsePosition(text, NOW)).toEqual(position);
  });

  test.each(['noon', '', '2026', '-15', '30543362'])('reject %j and list what is valid', (text) => {
    expect(() => parsePosition(text, NOW)).toThrow(
      `invalid position '${text}'; use earliest, latest, a time (2026-01-31T23:59:00Z), how long ago (-90s, -15m, -2h, -1d), or a whole sequence number`,
    );
  });

  test.each([
    [undefined, undefined],
    ['3', ['shardId-000000000003']],
    ['0, 12', ['shardId-000000000000', 'shardId-000000000012']],
    ['shardId-000000000007', ['shardId-000000000007']],
  ])('parse the shards %s', (text, shards) => {
    expect(parseShards(text)).toEqual(shards);
  });
});
