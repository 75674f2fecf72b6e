import { describe, expect, test } from 'vitest';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import { openPartitions } from '../../../../functions/sinks/s3/partitions.ts';
import { type Given, logOf } from '../../../contracts/slices.ts';

type Partitioning = Parameters<typeof openPartitions>[0];

function folderOf(partitioning: Partial<Partitioning>, given: Partial<Given>): string {
  const [event] = logOf([{ data: {}, ...given }]);
  if (event === undefined) throw new Error('no event');
  return openPartitions({ by: 'month', fields: [], ...partitioning })(event);
}

describe('the partition by time', () => {
  test.each([
    ['month', '2026-11-22T10:59:59Z', 'year=2026/month=11'],
    ['day', '2026-11-22T10:59:59Z', 'year=2026/month=11/day=22'],
    ['hour', '2026-11-05T07:59:59.123456Z', 'year=2026/month=11/day=05/hour=07'],
    ['hour', '2026-01-01T00:30:00+02:00', 'year=2025/month=12/day=31/hour=22'],
    ['month', '2026-10-31T23:30:00-01:00', 'year=2026/month=11'],
    ['hour', '2026-11-22T10:15:00+05:30', 'year=2026/month=11/day=22/hour=04'],
    ['day', '2024-02-29T23:59:59.999999999Z', 'year=2024/month=02/day=29'],
    ['month', '0000-01-01T00:00:00Z', 'year=0000/month=01'],
  ] as const)('by %s of %s is %s, in UTC', (by, time, folder) => {
    expect(folderOf({ by }, { time })).toBe(folder);
  });

  test.each([
    ['', 'is not an RFC 3339 time'],
    ['yesterday', 'is not an RFC 3339 time'],
    ['2026-11-22', 'is not an RFC 3339 time'],
    ['2026-11-22 10:00:00Z', 'is not an RFC 3339 time'],
    ['2026-11-22T10:00:00', 'is not an RFC 3339 time'],
    ['2026-02-30T00:00:00Z', 'is not an RFC 3339 time'],
    ['2026-11-22T24:00:00Z', 'is not an RFC 3339 time'],
    ['2026-12-31T23:59:60Z', 'is not an RFC 3339 time'],
    ['0000-01-01T00:00:00+01:00', 'is not in the years'],
    ['9999-12-31T23:59:59-00:01', 'is not in the years'],
  ])('rejects %j: it %s', (time, message) => {
    const partitioned = () => folderOf({ by: 'day' }, { time });
    expect(partitioned).toThrow(EventRejected);
    expect(partitioned).toThrow(message);
  });
});

describe('the partition by a field', () => {
  test.each([
    ['a text', '"East"', 'East'],
    ['an integer', '7', '7'],
    ['a fraction', '1.50', '1.5'],
    ['a negative zero', '-0', '0'],
    ['an integer too large for JavaScript', '12345678901234567891', '12345678901234567891'],
    ['its neighbour', '12345678901234567892', '12345678901234567892'],
    ['a number beyond all', '1e999', '1e999'],
    ['a boolean', 'false', 'false'],
    ['null', 'null', '__HIVE_DEFAULT_PARTITION__'],
    ['an empty text', '""', '__HIVE_DEFAULT_PARTITION__'],
    ['a text with a slash', '"a/b"', 'a%2Fb'],
    ['a text that climbs', '".."', '..'],
    ['a text that looks escaped', '"a%2Fb"', 'a%252Fb'],
    [
      'all that Hive escapes',
      JSON.stringify('\u0000\u0001\n"#%\'*/:=?\\{[]^\u007f'),
      '%00%01%0A%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%5B%5D%5E%7F',
    ],
    ['letters of any script', '"größe 大 \ud83d\ude00"', 'größe 大 \ud83d\ude00'],
  ])('of %s', (_, json, value) => {
    expect(folderOf({ fields: ['region'] }, { json: `{"region":${json}}` })).toBe(`year=2026/month=11/region=${value}`);
  });

  test.each([
    ['a field that is missing', 'region', '{"a":1}'],
    ['what every object inherits', 'toString', '{"a":1}'],
    ['the length of an array', 'length', '[1]'],
    ['data that is a text', 'length', '"text"'],
    ['data that is null', 'region', 'null'],
  ])('of %s is that of null', (_, field, json) => {
    expect(folderOf({ fields: [field] }, { json })).toBe(`year=2026/month=11/${field}=__HIVE_DEFAULT_PARTITION__`);
  });

  test('comes below that by time, in the order of the fields, names escaped too', () => {
    const json = '{"region":"East","a=b":1,"__proto__":2}';
    expect(folderOf({ fields: ['region', 'a=b', '__proto__'] }, { json })).toBe(
      'year=2026/month=11/region=East/a%3Db=1/__proto__=2',
    );
  });

  test.each([
    ['an object', '{"region":{}}', 'region: is an object'],
    ['an array', '{"region":[1]}', 'region: is an array'],
    ['half a surrogate pair', '{"region":"\\ud800"}', 'region: is not well-formed Unicode'],
  ])('rejects %s', (_, json, message) => {
    const partitioned = () => folderOf({ fields: ['region'] }, { json });
    expect(partitioned).toThrow(EventRejected);
    expect(partitioned).toThrow(message);
  });
});

describe('the time of one event', () => {
  // The partition of an event may be known from the one before.
  test.each(['month', 'day', 'hour'] as const)('never decides about the next (%s)', (by) => {
    const times = [
      ...['2026-11-30T10:00:00Z', '2026-11-30T10:59:59.999Z', '2026-11-30T11:00:00Z', '2026-11-30T23:00:00-02:00'],
      ...[
        '2026-11-30T10:00:00Z',
        '2026-11-30T25:00:00Z',
        '2026-11-30',
        '2026-11-30T10:00:00+02:00',
        '2026-12-01T00:00:00Z',
      ],
    ];
    const folderOf = openPartitions({ by, fields: [] });
    const outcome = (find: (event: ReceivedEvent) => string) => (time: string) => {
      try {
        return find(logOf([{ data: {}, time }])[0] as ReceivedEvent);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const alone = outcome((event) => openPartitions({ by, fields: [] })(event));
    expect(times.map(outcome(folderOf))).toEqual(times.map(alone));
  });
});
