import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import type { OpenSink } from '../../../../functions/runtime/sink.ts';
import { s3, s3Sink } from '../../../../functions/sinks/s3/s3.ts';
import { type Given, logOf, positionAfter, type SliceOf, sliceOf } from '../../../contracts/slices.ts';
import { type S3Server, startS3 } from '../../../kit/servers.ts';

let server: S3Server;
let client: S3Client;
let buckets = 0;

beforeAll(async () => {
  server = await startS3();
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
  client = new S3Client({ forcePathStyle: true });
});

afterAll(async () => {
  client.destroy();
  await server.stop();
});

interface Lake {
  readonly sink: OpenSink;
  /** Keys with contents. */
  objects(): Promise<ReadonlyMap<string, Buffer>>;
}

function lake(options: object = {}): Lake {
  const bucket = `lake-${++buckets}`;
  server.createBucket(bucket);
  const sink = s3.open({
    step: 'test/lake',
    options: s3.options.parse({ prefix: 'events', compression: 'none', ...options }),
    resources: s3.resources.parse({ bucket }),
  });
  return {
    sink,
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

/** The lines of an object by its path below the prefix, without the name of its file. */
function linesByPath(objects: ReadonlyMap<string, Buffer>): Record<string, string[]> {
  const lines: Record<string, string[]> = {};
  for (const [key, content] of objects) {
    const path = key.split('/').slice(1, -1).join('/');
    lines[path] = [...(lines[path] ?? []), ...content.toString().split('\n').slice(0, -1)];
  }
  return lines;
}

const textOf = (event: ReceivedEvent): string => Buffer.from(event.bytes).toString();

describe('the files of a slice', () => {
  test('hold the events byte by byte, in their order', async () => {
    const { sink, objects } = lake();
    const events = logOf([
      { data: { b: 1, a: 'é' } },
      { data: undefined, json: '{ "n": 1.000000000000000000001 }' },
      { data: null },
    ]);
    expect(await sink.write(sliceOf({ events, pageSize: 2 }))).toEqual([]);
    expect(linesByPath(await objects())).toEqual({ '': events.map(textOf) });
  });

  test('hold the data alone when that is wanted, on one line each', async () => {
    const { sink, objects } = lake({ lines: 'data' });
    const events = logOf([
      { data: { a: 1 } },
      { data: undefined, json: '{\n  "text": "a\\nb",\n  "n": 12345678901234567890\n}' },
    ]);
    await sink.write(sliceOf({ events }));
    expect(linesByPath(await objects())).toEqual({
      '': ['{"a":1}', '{   "text": "a\\nb",   "n": 12345678901234567890 }'],
    });
  });

  test.each([
    ['gzip', '.ndjson.gz', gunzipSync],
    ['zstd', '.ndjson.zst', zstdDecompressSync],
    ['none', '.ndjson', (bytes: Buffer) => bytes],
  ] as const)('are compressed with %s', async (compression, extension, decompress) => {
    const { sink, objects } = lake({ compression });
    const events = logOf(Array.from({ length: 20_000 }, (_, n) => ({ data: { n, text: `text ${n * 7919}` } })));
    await sink.write(sliceOf({ events }));
    const [[key, content] = ['', Buffer.alloc(0)], ...others] = await objects();
    expect(others).toEqual([]);
    expect(key.endsWith(extension)).toBe(true);
    expect(decompress(content).toString()).toBe(events.map((event) => `${textOf(event)}\n`).join(''));
  });

  test('are closed by size and by rows, and numbered by partition', async () => {
    const { sink, objects } = lake({ fields: ['kind'], fileRows: 2, fileBytes: 400 });
    const long = 'x'.repeat(400);
    const events = logOf(
      [
        ['a', ''],
        ['b', ''],
        ['a', ''],
        ['a', long],
        ['a', ''],
        ['b', ''],
      ].map(([kind, text]) => ({ data: { kind, text } })),
    );
    await sink.write(sliceOf({ events }));
    const rows = [...(await objects())].map(([key, content]) => [
      key.replace(/events\/(.*)\/.*\.(\d+)\.ndjson/, '$1 $2'),
      content.toString().split('\n').length - 1,
    ]);
    expect(rows).toEqual([
      ['kind=a 00001', 2],
      ['kind=a 00002', 1],
      ['kind=a 00003', 1],
      ['kind=b 00001', 2],
    ]);
  });

  test('are named by shard, range and number alone', async () => {
    const { sink, objects } = lake({ by: 'month' });
    const events = logOf([{ data: 1 }, { data: 2 }]);
    await sink.write(sliceOf({ events, shard: 'in/shardId-000000000001' }));
    await sink.write(sliceOf({ events, from: positionAfter(2), to: positionAfter(9)! }));
    expect([...(await objects()).keys()]).toEqual([
      `events/year=2026/month=11/part-in_2f_shardId-000000000001.start.${positionAfter(2)}.00001.ndjson`,
      `events/year=2026/month=11/part-stream_2f_shardId-000000000000.${positionAfter(2)}.${positionAfter(9)}.00001.ndjson`,
    ]);
  });

  test('are none when the slice has no events, or refuses all', async () => {
    const { sink, objects } = lake({ fields: ['region'] });
    await sink.write(sliceOf({ events: [], to: positionAfter(5)! }));
    expect(await sink.write(sliceOf({ events: logOf([{ data: { region: {} } }]) }))).toHaveLength(1);
    expect((await objects()).size).toBe(0);
  });

  test('leave out events that belong into no partition, which become rejections', async () => {
    const { sink, objects } = lake({ fields: ['region'] });
    const events = logOf([
      { data: { region: 'a' } },
      { data: { region: [] } },
      { data: { region: 'x'.repeat(1100) } },
      { data: { region: 'b' } },
    ]);
    const rejections = await sink.write(sliceOf({ events }));
    expect(rejections.map(({ at, reason, bytes }) => ({ at, reason, bytes }))).toEqual(
      [1, 2].map((index) => ({ at: events[index]?.position, reason: 'refused', bytes: events[index]?.bytes })),
    );
    expect(Object.keys(linesByPath(await objects()))).toEqual(['region=a', 'region=b']);
  });

  test('may have keys as long as S3 takes', async () => {
    const { sink, objects } = lake({ fields: ['region'] });
    const events = logOf(Array.from({ length: 1000 }, (_, length) => ({ data: { region: 'é'.repeat(length) } })));
    const rejections = await sink.write(sliceOf({ events }));
    const lengths = [...(await objects()).keys()].map((key) => Buffer.byteLength(key));
    expect(Math.max(...lengths)).toBeGreaterThan(1015);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1024);
    expect(lengths.length + rejections.length).toBe(1000);
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
  const sliced = (events: readonly ReceivedEvent[], pageSize: number): SliceOf => ({ events, pageSize });

  test('writes the same bytes under the same names, however its pages are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        givens,
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom('gzip', 'zstd', 'none'),
        async (given, pageSize, compression) => {
          const options = { compression, by: 'month', fields: ['region'], fileBytes: 700 };
          const [first, second] = [lake(options), lake(options)];
          const events = logOf(given as readonly Given[]);
          await first.sink.write(sliceOf(sliced(events, 60)));
          await second.sink.write(sliceOf(sliced(events, pageSize)));
          const objects = await first.objects();
          expect(await second.objects()).toEqual(objects);
          await first.sink.write(sliceOf(sliced(events, pageSize)));
          expect(await first.objects()).toEqual(objects);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('writes the same bytes when a file is compressed piece by piece', async () => {
    const events = logOf(
      Array.from({ length: 30_000 }, (_, n) => ({ data: { n, text: `${(n * 48_271) % 2_147_483_647}`.repeat(9) } })),
    );
    const contents = await Promise.all(
      [30_000, 777].map(async (pageSize) => {
        const { sink, objects } = lake({ compression: 'gzip' });
        await sink.write(sliceOf({ events, pageSize }));
        return [...(await objects()).values()];
      }),
    );
    expect(contents[0]?.[0]?.equals(contents[1]?.[0] as Buffer)).toBe(true);
  });
});

describe('a slice that cannot be written', () => {
  test('because the bucket is missing is asked for again', async () => {
    const sink = s3.open({
      step: 'test/lake',
      options: s3.options.parse({ prefix: 'events', fileRows: 1 }),
      resources: s3.resources.parse({ bucket: 'nobodys' }),
    });
    const events = logOf(Array.from({ length: 50 }, (_, data) => ({ data })));
    await expect(sink.write(sliceOf({ events }))).rejects.toThrow(/bucket/i);
  });

  test('because the invocation has to end is given up at once', async () => {
    const { sink, objects } = lake({ fileRows: 1 });
    const ending = new AbortController();
    async function* pages(): AsyncIterable<readonly ReceivedEvent[]> {
      const events = logOf(Array.from({ length: 50 }, (_, data) => ({ data })));
      yield events.slice(0, 25);
      ending.abort(new Error('the invocation ends'));
      yield events.slice(25);
    }
    const slice = { ...sliceOf({ events: [], to: positionAfter(50)!, signal: ending.signal }), pages: pages() };
    await expect(sink.write(slice)).rejects.toThrow('the invocation ends');
    expect((await objects()).size).toBeLessThanOrEqual(25);
  });
});

describe('options', () => {
  test.each([
    [{}, 'prefix'],
    [{ prefix: '' }, 'prefix'],
    [{ prefix: '/orders' }, 'prefix'],
    [{ prefix: 'orders/' }, 'prefix'],
    [{ prefix: 'orders*' }, 'prefix'],
    [{ prefix: 'orders', by: 'week' }, 'by'],
    [{ prefix: 'orders', compression: 'lz4' }, 'compression'],
    [{ prefix: 'orders', fileBytes: 0 }, 'fileBytes'],
    [{ prefix: 'orders', partitions: [] }, ''],
  ])('refuse %j', (options, path) => {
    const issues = s3.options.safeParse(options).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });

  test('travel as they are written', () => {
    expect(s3Sink({ prefix: 'orders', by: 'month' })).toMatchObject({
      connector: 's3',
      delivery: 'scheduled',
      options: { prefix: 'orders', by: 'month' },
    });
  });
});
