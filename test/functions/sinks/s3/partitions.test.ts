import { describe, expect, test } from 'vitest';
import { EventRefused } from '../../../../functions/runtime/errors.ts';
import { openPartitioner, type Partitioning } from '../../../../functions/sinks/s3/partitions.ts';
import { type Given, logOf } from '../../../contracts/slices.ts';

function pathOf(partitioning: Partial<Partitioning>, given: Partial<Given>): string {
  const [event] = logOf([{ data: {}, ...given }]);
  if (event === undefined) throw new Error('no event');
  return openPartitioner({ fields: [], ...partitioning }, 200)(event);
}

describe('the partition by time', () => {
  test.each([
    ['month', '2026-11-22T10:59:59Z', 'year=2026/month=11'],
    ['day', '2026-11-22T10:59:59Z', 'year=2026/month=11/day=22'],
    ['hour', '2026-11-22T10:59:59.123456Z', 'year=2026/month=11/day=22/hour=10'],
    ['hour', '2026-01-01T00:30:00+02:00', 'year=2025/month=12/day=31/hour=22'],
    ['month', '2026-10-31T23:30:00-01:00', 'year=2026/month=11'],
  ] as const)('by %s of %s is %s, in UTC', (by, time, path) => {
    expect(pathOf({ by }, { time })).toBe(path);
  });

  test.each(['yesterday', '2026-02-30T00:00:00Z', '2026-11-22', '2026-11-22 10:00:00', ''])('refuses %j', (time) => {
    expect(() => pathOf({ by: 'day' }, { time })).toThrow(EventRefused);
  });

  test('of one event is not that of the next', () => {
    const partitionOf = openPartitioner({ by: 'hour', fields: [] }, 200);
    const times = ['2026-11-22T10:00:00Z', '2026-11-22T11:00:00Z', '2026-11-22T10:00:01Z'];
    const hours = logOf(times.map((time) => ({ data: {}, time }))).map((event) => partitionOf(event).slice(-2));
    expect(hours).toEqual(['10', '11', '10']);
  });
});

describe('the partition by a field', () => {
  test.each([
    ['a text', '"East"', 'region=East'],
    ['an integer', '7', 'region=7'],
    ['a number', '1.50', 'region=1.5'],
    ['a large integer', '12345678901234567891', 'region=12345678901234567891'],
    ['a boolean', 'false', 'region=false'],
    ['null', 'null', 'region=__HIVE_DEFAULT_PARTITION__'],
    ['an empty text', '""', 'region=__HIVE_DEFAULT_PARTITION__'],
    ['a text with a slash', '"a/b"', 'region=a%2Fb'],
    ['a text that climbs', '".."', 'region=..'],
    [
      'all that Hive escapes',
      JSON.stringify('\u0001\n"#%\'*/:=?\\{[]^\u007f'),
      'region=%01%0A%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%5B%5D%5E%7F',
    ],
    ['letters of any script', '"größe 大 \ud83d\ude00"', 'region=größe 大 \ud83d\ude00'],
  ])('of %s', (_, json, path) => {
    expect(pathOf({ fields: ['region'] }, { json: `{"region":${json}}` })).toBe(path);
  });

  test('that is missing is that of null', () => {
    expect(pathOf({ fields: ['toString'] }, { data: { a: 1 } })).toBe('toString=__HIVE_DEFAULT_PARTITION__');
  });

  test('comes below that by time, in the order of the fields', () => {
    const data = { region: 'East', 'a=b': 1 };
    expect(pathOf({ by: 'month', fields: ['region', 'a=b'] }, { data })).toBe('year=2026/month=11/region=East/a%3Db=1');
  });

  test.each([
    ['an object', '{"region":{}}', 'region: an object or array cannot name a partition'],
    ['an array', '{"region":[1]}', 'region: an object or array cannot name a partition'],
    ['half a surrogate pair', '{"region":"\\ud800"}', 'region: half a surrogate pair'],
    ['a text too long for a key', JSON.stringify({ region: 'x'.repeat(200) }), 'longer name than S3 takes'],
    ['data that is an array', '[1]', 'the data is not an object'],
    ['data that is null', 'null', 'the data is not an object'],
  ])('refuses %s', (_, json, message) => {
    const partitioned = () => pathOf({ fields: ['region'] }, { json });
    expect(partitioned).toThrow(EventRefused);
    expect(partitioned).toThrow(message);
  });
});
