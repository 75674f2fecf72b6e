import { afterEach, describe, expect, test, vi } from 'vitest';
import { lasting, startOf } from '../../../../infra/cli/arguments/times.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');

describe('where reading starts', () => {
  test.each([
    ['earliest', 'earliest'],
    ['latest', new Date(NOW)],
    ['-90s', new Date('2026-01-31T11:58:30Z')],
    ['-15m', new Date('2026-01-31T11:45:00Z')],
    ['-2h', new Date('2026-01-31T10:00:00Z')],
    ['-1d', new Date('2026-01-30T12:00:00Z')],
    ['2026-01-31T10:00:00+01:00', new Date('2026-01-31T09:00:00Z')],
    ['2026-01-31', new Date('2026-01-31T00:00:00Z')],
  ])('%s', (text, expected) => {
    expect(startOf(text, NOW)).toEqual(expected);
  });

  test.each(['2026-01-31T10:00', '2026-01-31T10:00:00', '2026-01-31 10:00:00.000', '2026-01-31 10:00:00Z'])(
    '%s is a time of UTC, wherever the operator is',
    (text) => {
      vi.stubEnv('TZ', 'Asia/Tokyo');
      expect(startOf(text, NOW)).toEqual(new Date('2026-01-31T10:00:00Z'));
    },
  );
  afterEach(() => vi.unstubAllEnvs());

  test.each(['', 'yesterday', '15m', '-15', '-15w', '5', '2026-13-01'])(
    "'%s' is a mistake that lists what there is",
    (text) => {
      expect(() => startOf(text, NOW)).toThrow(
        `'${text}' is no place to start: earliest, latest, 2026-01-31T23:59:00Z, or -15m`,
      );
    },
  );
});

test.each([
  [0, '0 s'],
  [119_999, '119 s'],
  [120_000, '2 min'],
  [7_199_000, '119 min'],
  [7_200_000, '2 h'],
  [47 * 3_600_000, '47 h'],
  [48 * 3_600_000, '2 d'],
])('%d ms last %s', (millis, text) => {
  expect(lasting(millis)).toBe(text);
});
