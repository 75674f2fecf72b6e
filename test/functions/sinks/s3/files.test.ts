import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { positionOf } from '../../../../functions/runtime/position.ts';
import { type PlannedFile, planFiles } from '../../../../functions/sinks/s3/files.ts';
import type { S3Options } from '../../../../functions/sinks/s3/options.ts';
import { s3Definition } from '../../../../functions/sinks/s3/s3.ts';
import { type Given, logOf, positionAfter, type SliceOf, sliceOf } from '../../../contracts/slices.ts';

const optionsOf = (options: object): S3Options =>
  s3Definition.options.parse({ prefix: 'events', lines: 'data', ...options });

async function filesOf(slice: SliceOf, options: object): Promise<readonly PlannedFile[]> {
  const { files } = await planFiles(sliceOf(slice), optionsOf(options));
  return files;
}

/** Of each file, what its events hold. */
async function cut(given: readonly Given[], options: object): Promise<readonly (readonly unknown[])[]> {
  const files = await filesOf({ events: logOf(given) }, options);
  return files.map(({ events }) => events.map(({ data }) => data));
}

const texts = (...data: readonly string[]): readonly Given[] => data.map((text) => ({ data: text }));

describe('a file', () => {
  // A line of 'aaa' is 6 bytes: its quotes and its end belong to it.
  test.each([
    ['ends after as many events as it may have', { targetRows: 2 }, [['aaa', 'bbb'], ['ccc', 'ddd'], ['eee']]],
    ['may have just as many bytes as its target', { targetBytes: 12 }, [['aaa', 'bbb'], ['ccc', 'ddd'], ['eee']]],
    ['ends before it has more', { targetBytes: 17 }, [['aaa', 'bbb'], ['ccc', 'ddd'], ['eee']]],
    ['ends by what comes first', { targetRows: 3, targetBytes: 12 }, [['aaa', 'bbb'], ['ccc', 'ddd'], ['eee']]],
    ['holds one event at least', { targetBytes: 1 }, [['aaa'], ['bbb'], ['ccc'], ['ddd'], ['eee']]],
    ['holds all when its targets are large', {}, [['aaa', 'bbb', 'ccc', 'ddd', 'eee']]],
  ])('%s', async (_, options, expected) => {
    expect(await cut(texts('aaa', 'bbb', 'ccc', 'ddd', 'eee'), options)).toEqual(expected);
  });

  test('is measured in bytes, not in characters', async () => {
    expect(await cut(texts('é', 'é'), { targetBytes: 9 })).toEqual([['é'], ['é']]);
    expect(await cut(texts('é', 'é'), { targetBytes: 10 })).toEqual([['é', 'é']]);
  });

  test('is measured by whole events when these are its lines', async () => {
    const events = logOf(texts('a', 'b'));
    const [first, second] = events.map(({ bytes }) => bytes.length + 1) as [number, number];
    const [file] = await filesOf({ events }, { lines: 'event', targetBytes: first + second });
    expect(file?.bytes).toBe(first + second);
    expect(await filesOf({ events }, { lines: 'event', targetBytes: first + second - 1 })).toHaveLength(2);
  });

  test('holds events of one partition only, however they are mixed in the log', async () => {
    const months = ['2026-11', '2026-12', '2026-11', '2026-12', '2026-11'];
    const given = months.map((month, index) => ({ data: index, time: `${month}-01T00:00:00Z` }));
    expect(await cut(given, { by: 'month' })).toEqual([
      [0, 2, 4],
      [1, 3],
    ]);
  });
});

describe("a file's key", () => {
  const zeros = '-'.repeat(36);
  const at = (count: number) => positionAfter(count) as string;

  test.each([
    ['gzip', '.ndjson.gz'],
    ['zstd', '.ndjson.zst'],
    ['none', '.ndjson'],
  ])('follows from the slice, the partition and its number, and ends as %s does', async (compression, ending) => {
    const files = await filesOf(
      { events: logOf(texts('a', 'b')), shard: '_x1/shardId-000000000007', to: positionOf('9', 0) },
      { by: 'month', prefix: 'shop/orders', targetRows: 1, compression },
    );
    const name = `slice-_x1-shardId-000000000007.${zeros}.${at(9)}`;
    expect(files.map(({ key }) => key)).toEqual([
      `shop/orders/year=2026/month=11/${name}.00000000${ending}`,
      `shop/orders/year=2026/month=11/${name}.00000001${ending}`,
    ]);
  });

  test('sorts in the order of the log, within a partition and shard', async () => {
    const borders = [0, 1, 9, 10, 11, 63, 64, 99, 100, 5000];
    const log = logOf(Array.from({ length: 5000 }, (_, data) => ({ data })));
    const keys: string[] = [];
    for (const [index, to] of borders.entries()) {
      if (to === 0) continue;
      const from = borders[index - 1] as number;
      const slice = { events: log.slice(from, to), from: positionAfter(from) };
      keys.push(...(await filesOf(slice, { targetRows: 100 })).map(({ key }) => key));
    }
    expect(keys.length).toBeGreaterThan(50);
    expect([...keys].sort()).toEqual(keys);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('is rejected above 1,024 bytes, and accepted up to that', async () => {
    const short = await filesOf({ events: logOf([{ data: { region: 'x' } }]) }, { fields: ['region'] });
    const room = 1024 - Buffer.byteLength(short[0]?.key ?? '') + 1;
    const log = logOf(
      ['x'.repeat(room), 'x'.repeat(room + 1), `${'x'.repeat(room - 1)}é`].map((region) => ({ data: { region } })),
    );
    const { files, rejections } = await planFiles(sliceOf({ events: log }), optionsOf({ fields: ['region'] }));
    expect(files.map(({ key }) => Buffer.byteLength(key))).toEqual([1024]);
    expect(rejections).toEqual(
      [log[1], log[2]].map((event) => ({
        at: event?.position,
        reason: 'refused',
        message: 'its partition makes an object key of 1025 bytes, and S3 allows 1024: partition by shorter fields',
        bytes: event?.bytes,
        event: { id: event?.id, key: event?.key, time: event?.time },
      })),
    );
  });
});

test('a slice without events has no files', async () => {
  expect(await filesOf({ events: [], to: positionOf('5', 0) }, {})).toEqual([]);
});

test('every event is in one file or rejected, in the order of the log in its partition, however pages are cut', async () => {
  const values = fc.oneof(
    fc.constantFrom('a', 'b', null, 7, true, '', {}, [1]),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.string({ minLength: 900, maxLength: 1100 }),
  );
  const times = fc.constantFrom('2026-11-22T10:00:00Z', '2026-11-22T10:00:00+11:00', '2026-12-01T00:00:00Z', 'no time');
  const given = fc.array(fc.record({ data: fc.record({ region: values }), time: times }), {
    maxLength: 60,
    size: 'max',
  });
  const options = fc.record({
    by: fc.constantFrom('month', 'day', 'hour'),
    fields: fc.constantFrom([], ['region']),
    lines: fc.constantFrom('event', 'data'),
    targetBytes: fc.integer({ min: 1, max: 2000 }),
    targetRows: fc.integer({ min: 1, max: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(given, options, fc.integer({ min: 1, max: 60 }), async (givens, chosen, pageSize) => {
      const events = logOf(givens);
      const slice = { events, to: positionOf('1000', 0) };
      const planned = await planFiles(sliceOf({ ...slice, pageSize }), optionsOf(chosen));
      expect(planned).toEqual(await planFiles(sliceOf({ ...slice, pageSize: 60 }), optionsOf(chosen)));
      const { files, rejections } = planned;

      const landed = files.flatMap((file) => file.events.map(({ position }) => position));
      const refused = rejections.map(({ at }) => at as string);
      expect([...landed, ...refused].sort()).toEqual(events.map(({ position }) => position));

      const folders = Map.groupBy(files, ({ key }) => key.slice(0, key.lastIndexOf('/')));
      for (const inFolder of folders.values()) {
        const byKey = [...inFolder].sort((a, b) => (a.key < b.key ? -1 : 1));
        const inOrder = byKey.flatMap((file) => file.events.map(({ position }) => position));
        expect(inOrder).toEqual([...inOrder].sort());
      }
      for (const { events: held, bytes } of files) {
        expect(held.length).toBeLessThanOrEqual(chosen.targetRows);
        if (held.length > 1) expect(bytes).toBeLessThanOrEqual(chosen.targetBytes);
      }
    }),
  );
});
