import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import { decodeRecord } from '../../../../functions/runtime/record-codec/decode.ts';
import type { OpenSink } from '../../../../functions/runtime/sink.ts';
import { s3Definition, s3Sink } from '../../../../functions/sinks/s3/s3.ts';
import { type Given, logOf, positionAfter, sliceOf } from '../../../contracts/slices.ts';
import { useEndpoint } from '../../../contracts/source-harnesses.ts';
import { type S3Server, startS3 } from '../../../kit/servers.ts';

let server: S3Server;
let client: S3Client;
let restoreEnvironment: () => void;
let buckets = 0;

beforeAll(async () => {
  server = await startS3();
  restoreEnvironment = useEndpoint(server.endpoint);
  client = new S3Client({ forcePathStyle: true });
});

afterAll(async () => {
  client.destroy();
  restoreEnvironment();
  await server.stop();
});

interface Lake {
  readonly sink: OpenSink;
  /** Keys with contents, in the order of the keys. */
  objects(): Promise<ReadonlyMap<string, Buffer>>;
}

/** An empty bucket, and a sink that was given its options as Lambda gives them: through JSON. */
function openLake(options: Partial<Parameters<typeof s3Sink>[0]> = {}): Lake {
  const bucket = `lake-${++buckets}`;
  server.createBucket(bucket);
  const sent = JSON.parse(JSON.stringify(s3Sink({ prefix: 'events', compression: 'none', ...options }).options));
  return {
    sink: s3Definition.open({
      step: 'test/lake',
      options: s3Definition.options.parse(sent),
      resources: s3Definition.resources.parse({ bucket }),
    }),
    async objects() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      const found = new Map<string, Buffer>();
      for (const { Key = '' } of Contents) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
        found.set(Key, Buffer.from((await Body?.transformToByteArray()) ?? []));
      }
      return found;
    },
  };
}

const textOf = (event: ReceivedEvent): string => Buffer.from(event.bytes).toString();

/** A record of a producer that knows nothing of CloudEvents, as the engine reads it. */
function foreign(json: string): readonly ReceivedEvent[] {
  const record = {
    sequenceNumber: '1',
    partitionKey: 'key',
    data: Buffer.from(json),
    approximateArrivalMillis: Date.UTC(2026, 10, 22),
  };
  return decodeRecord(record, { name: 'stream' }).entries.map((entry) => {
    if ('rejection' in entry) throw new Error(entry.rejection.message);
    return entry.event;
  });
}

/** The lines by the folder below the prefix. */
function linesByFolder(objects: ReadonlyMap<string, Buffer>): Record<string, string[]> {
  const lines: Record<string, string[]> = {};
  for (const [key, content] of objects) {
    const folder = key.split('/').slice(1, -1).join('/');
    expect(content.at(-1), 'the last line has an end too').toBe(0x0a);
    lines[folder] = [...(lines[folder] ?? []), ...content.toString().split('\n').slice(0, -1)];
  }
  return lines;
}

const COMPRESSIONS = [
  ['gzip', '.ndjson.gz', gunzipSync],
  ['zstd', '.ndjson.zst', zstdDecompressSync],
  ['none', '.ndjson', (bytes: Buffer) => bytes],
] as const;

describe('the lines of a file', () => {
  const DAY = 'year=2026/month=11/day=22';

  test('are the events byte for byte, in their order', async () => {
    const { sink, objects } = openLake();
    const events = logOf([
      { data: { b: 1, a: 'é' } },
      { data: undefined, json: '{ "n": 1.000000000000000000001, "a": "\\u00e9\\n" }' },
      { data: null },
    ]);
    expect(await sink.write(sliceOf({ events, pageSize: 2 }))).toEqual([]);
    expect(linesByFolder(await objects())).toEqual({ [DAY]: events.map(textOf) });
  });

  test('are the data alone when the options say so', async () => {
    const { sink, objects } = openLake({ lines: 'data' });
    await sink.write(sliceOf({ events: logOf([{ data: { a: 1 } }, { data: null }, { data: 'text' }]) }));
    expect(linesByFolder(await objects())).toEqual({ [DAY]: ['{"a":1}', 'null', '"text"'] });
  });

  test.each(['event', 'data'] as const)('have no line breaks of a foreign record in them (%s)', async (lines) => {
    const json = '{\r\n  "text": "a\\r\\nb\u2028c",\n  "n": 12345678901234567890\r}';
    const { sink, objects } = openLake({ lines });
    await sink.write(sliceOf({ events: [...foreign(json), ...logOf([{ data: undefined, json }])] }));
    const [first = '', second = '', ...others] = linesByFolder(await objects())[DAY] ?? [];
    expect(others).toEqual([]);
    for (const line of [first, second]) {
      expect(line).toContain('{    "text": "a\\r\\nb\u2028c",   "n": 12345678901234567890 }');
      expect(line).not.toMatch(/[\r\n]/);
      const read = JSON.parse(line);
      expect(lines === 'event' ? read.data : read).toEqual(JSON.parse(json));
    }
  });

  test.each(COMPRESSIONS)('are read back from %s', async (compression, ending, decompress) => {
    const { sink, objects } = openLake({ compression });
    const events = logOf(Array.from({ length: 20_000 }, (_, n) => ({ data: { n, text: `text ${n * 7919}` } })));
    await sink.write(sliceOf({ events }));
    const [[key, content] = ['', Buffer.alloc(0)], ...others] = await objects();
    expect(others).toEqual([]);
    expect(key.endsWith(ending)).toBe(true);
    expect(decompress(content).toString()).toBe(events.map((event) => `${textOf(event)}\n`).join(''));
  });
});

describe('the files of a slice', () => {
  test('are cut by rows and bytes, and numbered by partition', async () => {
    const { sink, objects } = openLake({ by: 'month', fields: ['kind'], targetRows: 2, targetBytes: 400 });
    const rows = [['a'], ['b'], ['a'], ['a', 'x'.repeat(400)], ['a'], ['b']];
    const events = logOf(rows.map(([kind, text = '']) => ({ data: { kind, text } })));
    await sink.write(sliceOf({ events }));
    const counts = [...(await objects())].map(([key, content]) => [
      key.replace(/.*month=11\/(.*)\/.*\.(\d+)\.ndjson/, '$1 $2'),
      content.toString().split('\n').length - 1,
    ]);
    expect(counts).toEqual([
      ['kind=a 00000000', 2],
      ['kind=a 00000001', 1],
      ['kind=a 00000002', 1],
      ['kind=b 00000000', 2],
    ]);
  });

  test('are none when the slice has no events, or all are rejected', async () => {
    const { sink, objects } = openLake({ fields: ['region'] });
    expect(await sink.write(sliceOf({ events: [], to: positionAfter(5) as never }))).toEqual([]);
    expect(await sink.write(sliceOf({ events: logOf([{ data: { region: {} } }]) }))).toHaveLength(1);
    expect((await objects()).size).toBe(0);
  });

  test('leave out events without a partition, and reject these with the reason and the original bytes', async () => {
    const { sink, objects } = openLake({ fields: ['region'] });
    const events = logOf([
      { data: { region: 'a' } },
      { data: { region: [] } },
      { data: { region: 'a' }, time: 'soon' },
      { data: { region: { name: 'a' } } },
      { data: { region: 'x'.repeat(1100) } },
      { data: undefined, json: '{"region":"\\udc00"}' },
      { data: { region: 'b' } },
    ]);
    const rejections = await sink.write(sliceOf({ events }));
    const expected = [
      [1, 'region: is an array, which cannot name a partition'],
      [2, 'time: "soon" is not an RFC 3339 time'],
      [3, 'region: is an object, which cannot name a partition'],
      [4, expect.stringContaining('S3 allows 1024')],
      [5, 'region: is not well-formed Unicode, so it cannot name a partition'],
    ] as const;
    expect(rejections).toEqual(
      expected.map(([index, message]) => ({
        at: events[index]?.position,
        reason: 'refused',
        message,
        bytes: events[index]?.bytes,
        event: { id: events[index]?.id, key: events[index]?.key, time: events[index]?.time },
      })),
    );
    expect(Object.values(linesByFolder(await objects()))).toEqual([events.slice(0, 1), events.slice(6)].map(lines));
  });

  test('have names that every partition may have', async () => {
    const { sink, objects } = openLake({ fields: ['region'] });
    const regions = ['a b', '大', 'a+b&c', '..', '.', 'a/../b', '%', "it's", '~!@$()_-=;,<>|`', '\u0085', '\ufffe'];
    const events = logOf(regions.map((region) => ({ data: { region } })));
    expect(await sink.write(sliceOf({ events }))).toEqual([]);
    const found = [...(await objects()).values()].map((content) => JSON.parse(content.toString()).data.region);
    expect(found.sort()).toEqual([...regions].sort());
  });
});

describe('writing a slice again', () => {
  const givens = fc.array(
    fc.record({
      data: fc.record({ region: fc.constantFrom('a', 'b', null), text: fc.string({ maxLength: 60 }) }),
      time: fc.constantFrom('2026-11-22T10:00:00Z', '2026-11-30T23:59:59Z', '2026-12-01T00:00:00Z'),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  );

  test.each(COMPRESSIONS)(
    'writes the same bytes under the same names, however its pages are cut, and all its events once (%s)',
    async (compression, _, decompress) => {
      await fc.assert(
        fc.asyncProperty(givens, fc.integer({ min: 1, max: 60 }), async (given, pageSize) => {
          const options = { compression, by: 'month', fields: ['region'], targetBytes: 700 } as const;
          const [first, second] = [openLake(options), openLake(options)];
          const events = logOf(given as readonly Given[]);
          await first.sink.write(sliceOf({ events, pageSize: 60 }));
          await second.sink.write(sliceOf({ events, pageSize }));
          const objects = await first.objects();
          expect(await second.objects()).toEqual(objects);
          await first.sink.write(sliceOf({ events, pageSize }));
          expect(await first.objects()).toEqual(objects);

          const inflated = new Map([...objects].map(([key, content]) => [key, decompress(content)]));
          const byFolder = Map.groupBy(events, ({ time, data }) => folderOf(time, data as { region: string | null }));
          expect(linesByFolder(inflated)).toEqual(
            Object.fromEntries([...byFolder].map(([folder, members]) => [folder, lines(members)])),
          );
        }),
        { numRuns: 10 },
      );
    },
  );

  test.each(['gzip', 'zstd'] as const)(
    'writes the same bytes of a file of many blocks with %s',
    async (compression) => {
      const events = logOf(
        Array.from({ length: 30_000 }, (_, n) => ({ data: { n, text: `${(n * 48_271) % 2_147_483_647}`.repeat(9) } })),
      );
      const contents = await Promise.all(
        [30_000, 777].map(async (pageSize) => {
          const { sink, objects } = openLake({ compression });
          await sink.write(sliceOf({ events, pageSize }));
          return [...(await objects()).values()];
        }),
      );
      expect(contents[0]).toHaveLength(1);
      expect(contents[0]?.[0]?.equals(contents[1]?.[0] as Buffer)).toBe(true);
    },
  );

  test('leaves machine and time out of the gzip header', async () => {
    const { sink, objects } = openLake({ compression: 'gzip' });
    await sink.write(sliceOf({ events: logOf([{ data: 1 }]) }));
    const [content = Buffer.alloc(0)] = (await objects()).values();
    // Magic number, deflate, no flags, no time, no hint, unknown system (RFC 1952, 2.3).
    expect([...content.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  });
});

const lines = (events: readonly ReceivedEvent[]): readonly string[] => events.map(textOf);

function folderOf(time: string, { region }: { region: string | null }): string {
  return `year=${time.slice(0, 4)}/month=${time.slice(5, 7)}/region=${region ?? '__HIVE_DEFAULT_PARTITION__'}`;
}

describe('options', () => {
  test.each([
    [{}, 'prefix: '],
    [{ prefix: '' }, 'prefix: is made of letters'],
    [{ prefix: '/orders' }, 'prefix: is made of letters'],
    [{ prefix: 'orders/' }, 'prefix: is made of letters'],
    [{ prefix: 'shop//orders' }, 'prefix: is made of letters'],
    [{ prefix: 'shop/../orders' }, 'prefix: is made of letters'],
    [{ prefix: 'orders*' }, 'prefix: is made of letters'],
    [{ prefix: 'orders\n' }, 'prefix: is made of letters'],
    [
      { prefix: 'x'.repeat(600) },
      'prefix: has 600 bytes together with the names of the fields, and 512 are allowed: shorten them',
    ],
    [{ prefix: 'orders', by: 'week' }, 'by: '],
    [{ prefix: 'orders', compression: 'lz4' }, 'compression: '],
    [{ prefix: 'orders', lines: 'csv' }, 'lines: '],
    [{ prefix: 'orders', targetBytes: 0 }, 'targetBytes: '],
    [{ prefix: 'orders', targetBytes: 2 ** 30 }, 'targetBytes: '],
    [{ prefix: 'orders', targetRows: 1.5 }, 'targetRows: '],
    [{ prefix: 'orders', fields: [''] }, 'fields.0: '],
    [{ prefix: 'orders', fields: ['region', 'Region'] }, "fields.1: there is already a partition 'region'"],
    [{ prefix: 'orders', fields: ['Month'] }, "fields.0: there is already a partition 'month'"],
    [{ prefix: 'orders', partitions: [] }, 's3Sink: '],
  ])('%j are rejected', (options, message) => {
    const made = () => s3Sink(options as Parameters<typeof s3Sink>[0]);
    expect(made).toThrow(UserMistake);
    expect(made).toThrow('s3Sink');
    expect(made).toThrow(`:\n  ${message}`);
  });

  test('may name a field as a part of the time that is no partition', () => {
    expect(s3Sink({ prefix: 'orders', by: 'month', fields: ['hour'] }).options).toMatchObject({ fields: ['hour'] });
  });

  test('are all filled in when a pipeline is declared, so that an interrupted slice is finished with them', () => {
    expect(s3Sink({ prefix: 'shop/orders', by: 'month' })).toEqual({
      connector: 's3',
      entry: new URL('../../../../functions/sinks/s3/s3.ts', import.meta.url).href,
      delivery: 'scheduled',
      fields: [],
      options: {
        prefix: 'shop/orders',
        format: 'ndjson',
        by: 'month',
        fields: [],
        lines: 'event',
        compression: 'gzip',
        targetBytes: 64 * 1024 * 1024,
        targetRows: 1_000_000,
      },
    });
  });

  test('divide by day by default', () => {
    expect(s3Definition.options.parse({ prefix: 'orders' }).by).toBe('day');
  });
});
