import { afterEach, describe, expect, test, vi } from 'vitest';
import { durationText, parseStart } from '../../../infra/operation/times.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');

describe('parseStart', () => {
  test.each([
    ['earliest', 'earliest'],
    ['latest', new Date(NOW)],
    ['-90s', new Date('2026-01-31T11:58:30Z')],
    ['-15m', new Date('2026-01-31T11:45:00Z')],
    ['-2h', new Date('2026-01-31T10:00:00Z')],
    ['-1d', new Date('2026-01-30T12:00:00Z')],
    ['2026-01-31T10:00:00+01:00', new Date('2026-01-31T09:00:00Z')],
    ['2026-01-31', new Date('2026-01-31T00:00:00Z')],
  ])('parses %s', (text, expected) => {
    expect(parseStart(text, NOW)).toEqual(expected);
  });

  test.each(['2026-01-31T10:00', '2026-01-31T10:00:00', '2026-01-31 10:00:00.000', '2026-01-31 10:00:00Z'])(
    'reads %s as UTC, whatever the time zone of the machine',
    (text) => {
      vi.stubEnv('TZ', 'Asia/Tokyo');
      expect(parseStart(text, NOW)).toEqual(new Date('2026-01-31T10:00:00Z'));
    },
  );
  afterEach(() => vi.unstubAllEnvs());

  test.each(['', 'yesterday', '15m', '-15', '-15w', '5', '2026-13-01'])(
    "rejects '%s' and lists what is valid",
    (text) => {
      expect(() => parseStart(text, NOW)).toThrow(
        `invalid position '${text}'; use earliest, latest, a time (2026-01-31T23:59:00Z), or how long ago (-90s, -15m, -2h, -1d)`,
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
])('%d ms is written as %s', (millis, text) => {
  expect(durationText(millis)).toBe(text);
});
