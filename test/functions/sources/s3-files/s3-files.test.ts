import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import type { ItemPage, Source } from '../../../../functions/runtime/source.ts';
import { s3FilesDefinition, s3FilesSource } from '../../../../functions/sources/s3-files/s3-files.ts';
import { openSource, useEndpoint } from '../../../contracts/source-harnesses.ts';
import { noDeadline } from '../../../eventually.ts';

/** Answers every GetObject as a test says; what it was asked for is kept. */
type Answer = (response: ServerResponse, range: string | undefined) => void;
let answer: Answer;
const asked: { url: string | undefined; range: string | undefined; ifMatch: string | undefined }[] = [];
const server = createServer(({ url, headers }, response) => {
  asked.push({ url, range: headers.range, ifMatch: headers['if-match'] });
  answer(response, headers.range);
});
let restoreEnvironment: () => void;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  restoreEnvironment = useEndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(() => {
  asked.length = 0;
});
afterAll(async () => {
  restoreEnvironment();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const LAST_MODIFIED = 'Thu, 29 Feb 2024 10:00:00 GMT';

const serve =
  (content: Buffer): Answer =>
  (response, range) => {
    const start = Number(range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
    const bytes = content.subarray(start);
    response.writeHead(range === undefined ? 200 : 206, {
      'content-length': bytes.length,
      'last-modified': LAST_MODIFIED,
      etag: '"e1"',
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    response.end(bytes);
  };

const refuse =
  (status: number, code: string): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
  };

const Line = z.object({ id: z.string().nullable(), n: z.int(), day: z.iso.date().optional() });
const options = { schema: Line, format: 'csv', type: 'line.imported', key: 'id' } as const;

function reading(
  given: {
    key?: string;
    options?: Parameters<typeof s3FilesSource<z.output<typeof Line>, z.input<typeof Line>>>[0];
  } = {},
) {
  const source = openSource(s3FilesDefinition, s3FilesSource(given.options ?? options).options);
  const item = { bucket: 'landing', key: given.key ?? 'lines.csv', etag: 'e1' };
  return (position?: ItemPage<unknown>['position'], signal = noDeadline()) =>
    source.readItem(item, position as never, signal);
}

/** The pages until the reading ends or throws, and what it throws. */
async function readAll(pages: AsyncIterable<ItemPage<unknown>>) {
  const read: ItemPage<unknown>[] = [];
  try {
    for await (const page of pages) read.push(page);
    return { pages: read, events: read.flatMap(({ events }) => events), error: undefined };
  } catch (error) {
    return { pages: read, events: read.flatMap(({ events }) => events), error };
  }
}

const json = (events: ItemPage<unknown>['events']) => events.map(({ dataBytes }) => Buffer.from(dataBytes).toString());

test('makes an event of a row, with type, key, time and data', async () => {
  answer = serve(Buffer.from('\uFEFFid,n,ignored\r\n"a",1,x\r\n'));
  const { events } = await readAll(reading()());
  expect(events).toEqual([
    {
      type: 'line.imported',
      key: 'a',
      time: '2024-02-29T10:00:00.000Z',
      place: 17,
      dataBytes: Buffer.from('{"id":"a","n":1}'),
    },
  ]);
  expect(asked).toMatchObject([{ url: '/landing/lines.csv?x-id=GetObject', ifMatch: '"e1"' }]);
});

test.each([
  ['quotes and line feeds inside them', '\uFEFFid,n\ra,1\r"b\nc",2\r\r"d\re",x\rf,3'],
  ['no line break at the end', '"id",n\ra,1\r"b\nc",2\r\r"d\re",x\rf,3\r'],
])('a CSV file whose lines end with carriage returns alone has its rows, with their lines: %s', async (_, text) => {
  answer = serve(Buffer.from(text));
  const { pages, events } = await readAll(reading()());
  expect(json(events)).toEqual(['{"id":"a","n":1}', '{"id":"b\\nc","n":2}', '{"id":"f","n":3}']);
  expect(events.map(({ place }) => Number(place))).toEqual(
    ['a,1', '"b', 'f,3'].map((row) => Buffer.from(text).indexOf(row)),
  );
  const rejection = { bytes: Buffer.from('"d\re",x'), origin: { bucket: 'landing', key: 'lines.csv', line: 5 } };
  expect(pages.flatMap(({ rejections }) => rejections)).toEqual([expect.objectContaining(rejection)]);
});

test.each([
  ['a stray carriage return', 'id,n,day\r\r\na,1,2024-01-01\r\n'],
  ['blanks', '"id ", n,\tday\na,1,2024-01-01\n'],
  ['other capitals', 'ID,N,Day\na,1,2024-01-01\n'],
])('a header name with %s stands for its field, so that no column is dropped', async (_, text) => {
  answer = serve(Buffer.from(text));
  expect(json((await readAll(reading()())).events)).toEqual(['{"id":"a","n":1,"day":"2024-01-01"}']);
});

test('takes the time from a field when the options name one', async () => {
  answer = serve(Buffer.from('id,n,day\na,1,2024-01-01\nb,2,\n'));
  const { pages } = await readAll(reading({ options: { ...options, time: 'day' } })());
  expect(pages[0]?.events.map(({ time }) => time)).toEqual(['2024-01-01T00:00:00Z']);
  expect(pages[0]?.rejections.map(({ message }) => message)).toEqual([expect.stringContaining('day: ')]);
});

test('a row without a key gets a key of its own, the same whenever the row is read', async () => {
  answer = serve(Buffer.from('id,n\n,1\n,2\na,3\n'));
  const [first, again] = [await readAll(reading()()), await readAll(reading()())];
  const keys = first.events.map(({ key }) => key);
  expect(again.events.map(({ key }) => key)).toEqual(keys);
  expect(new Set(keys).size).toBe(3);
  expect(keys[2]).toBe('a');
});

test('a rejection has object, line, reason and original bytes', async () => {
  answer = serve(Buffer.from('id,n\na,1\nb,"x\ny"\nc\nd,1.5\n'));
  const { pages, events } = await readAll(reading()());
  expect(json(events)).toEqual(['{"id":"a","n":1}']);
  expect(pages.flatMap(({ rejections }) => rejections)).toEqual([
    {
      at: '-------8',
      reason: 'schema',
      message: 'n: the cell does not hold a number',
      bytes: Buffer.from('b,"x\ny"'),
      origin: { bucket: 'landing', key: 'lines.csv', line: 3 },
    },
    expect.objectContaining({
      message: 'the row has 1 cells, and the header has 2: make them equal',
      origin: expect.objectContaining({ line: 5 }),
    }),
    expect.objectContaining({ message: expect.stringMatching(/^n: /), origin: expect.objectContaining({ line: 6 }) }),
  ]);
});

describe('NDJSON', () => {
  const ndjson = { ...options, format: 'ndjson' } as const;

  test('passes data on unchanged', async () => {
    const line = '{"n":1.0, "id":"\\u0061","big":12345678901234567890}';
    answer = serve(Buffer.from(`${line}\n`));
    const { events } = await readAll(reading({ options: ndjson })());
    expect(json(events)).toEqual([line]);
    expect(events[0]?.key).toBe('a');
  });

  test.each([
    ['text that is no JSON', '{"id":', 'undecodable', 'the line is not JSON'],
    ['a missing field', '{"id":"a"}', 'schema', 'n: Invalid input: expected number, received undefined'],
    ['a wrong type', '{"id":"a","n":"1"}', 'schema', 'n: Invalid input: expected number, received string'],
    [
      'a row nested deeper than every reader takes',
      `{"id":"a","n":1,"m":${'['.repeat(1_000)}${']'.repeat(1_000)}}`,
      'undecodable',
      'JSON nested deeper than 1000 levels at byte 1019',
    ],
    ['no object', '[1]', 'schema', 'data: Invalid input: expected object, received array'],
    [
      'a key that is too long',
      `{"id":"${'x'.repeat(257)}","n":1}`,
      'schema',
      "id: the event's key has 257 characters, at most 256 are possible",
    ],
  ])('rejects %s, and continues', async (...[, line, reason, message]) => {
    answer = serve(Buffer.from(`${line}\n{"id":"a","n":1}\n`));
    const { pages, events } = await readAll(reading({ options: ndjson })());
    expect(pages[0]?.rejections).toMatchObject([{ reason, message, bytes: Buffer.from(line), origin: { line: 1 } }]);
    expect(events).toHaveLength(1);
  });
});

describe('a file that is one JSON array', () => {
  const ndjson = { ...options, format: 'ndjson' } as const;
  const elements = Array.from({ length: 5_000 }, (_, n) => `{ "id": "row ${n}",\n "n": ${n} }`);
  const array = `\uFEFF[${elements.join(',\n')}]`;

  test.each<[string, Buffer]>([
    ['plain', Buffer.from(array)],
    ['gzip', gzipSync(array)],
  ])('is read element by element, and goes on behind any page: %s', async (_, content) => {
    answer = serve(content);
    const { pages, events } = await readAll(reading({ options: ndjson })());
    expect(json(events)).toEqual(elements);
    expect(pages.length).toBeGreaterThan(2);
    for (const [i, { position }] of pages.entries()) {
      const rest = await readAll(reading({ options: ndjson })(position));
      expect(rest.error).toBeUndefined();
      expect(rest.events).toEqual(pages.slice(i + 1).flatMap((page) => page.events));
    }
  });

  test('elements that do not fit or are nested too deep are rejected one by one, and the others go on', async () => {
    const deep = `{"id":"a","n":1,"m":${'['.repeat(1_000)}${']'.repeat(1_000)}}`;
    answer = serve(Buffer.from(`[{"id":"a","n":1},\n${deep},\n7,{"id":"b"},{"id":"c","n":3}]`));
    const { pages, events, error } = await readAll(reading({ options: ndjson })());
    expect(error).toBeUndefined();
    expect(events.map(({ key }) => key)).toEqual(['a', 'c']);
    expect(pages.flatMap(({ rejections }) => rejections)).toMatchObject([
      { reason: 'undecodable', message: 'JSON nested deeper than 1000 levels at byte 1019', origin: { line: 2 } },
      { reason: 'schema', bytes: Buffer.from('7'), origin: { line: 3 } },
      { reason: 'schema', bytes: Buffer.from('{"id":"b"}'), origin: { line: 3 } },
    ]);
  });

  test('becomes one letter behind its damage, which says from where on nothing was read', async () => {
    const text = `[${elements.slice(0, 3).join(',')},{"id":NaN},${elements[4]}]`;
    answer = serve(Buffer.from(text));
    const { events, error } = await readAll(reading({ options: ndjson })());
    expect(json(events)).toEqual(elements.slice(0, 3));
    expect(error).toBeInstanceOf(EventRejected);
    expect((error as Error).message).toContain(
      `damaged at byte ${text.indexOf('{"id":NaN}')} in line 4, because an element is not JSON: everything before that place was read, and nothing from there on`,
    );
  });

  test('is one row a line when the schema accepts arrays', async () => {
    const schema = z.union([z.object({ id: z.string() }), z.array(z.int())]);
    const source = openSource(
      s3FilesDefinition,
      s3FilesSource({ schema, format: 'ndjson', type: 'row.read', key: 'id' as never }).options,
    );
    answer = serve(Buffer.from('[1,2]\n'));
    const item = { bucket: 'landing', key: 'rows.json', etag: 'e1' };
    expect(json((await readAll(source.readItem(item, undefined, noDeadline()))).events)).toEqual(['[1,2]']);
  });
});

const rows = Buffer.from(`id,n\n${Array.from({ length: 20_000 }, (_, n) => `row ${n * 7919},${n}\n`).join('')}`);
const flipped = (bytes: Buffer, at: number) => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 0xff;
  return copy;
};
const zstd = zstdCompressSync(rows, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

describe('a file that cannot be read is rejected once, as a whole', () => {
  test.each<[string, string, Buffer, string]>([
    ['UTF-16', 'lines.csv', Buffer.from('\uFEFFid,n\n', 'utf16le'), 'not text in UTF-8'],
    ['a binary format', 'lines.csv', Buffer.from('PAR1\0\0\0\0'), 'not text in UTF-8'],
    [
      'a header that is not UTF-8',
      'lines.csv',
      Buffer.from([0x69, 0x64, 0x2c, 0xe9, 0x0a]),
      'the header cannot be read: the row is not UTF-8',
    ],
    [
      'a header with a broken quote',
      'lines.csv',
      Buffer.from('id,"n\na,1\n'),
      'the header cannot be read: a quote is opened and not closed',
    ],
    [
      'a header without a required column',
      'lines.csv',
      Buffer.from('id,m\na,1\n'),
      "the header has no column 'n', which the schema requires",
    ],
    [
      'text named as gzip',
      'lines.csv.gz',
      Buffer.from('id,n\n'),
      'the name ends as that of a gzip file, but the content is not compressed',
    ],
    ['zstd named as gzip', 'lines.csv.gz', zstd, 'the name ends as that of a gzip file, but the content is zstd'],
    [
      'text named as zstd',
      'lines.zst',
      Buffer.from('id,n\n'),
      'the name ends as that of a zstd file, but the content is not compressed',
    ],
  ])('%s', async (...[, key, content, why]) => {
    answer = serve(content);
    const { error, events } = await readAll(reading({ key })());
    expect(error).toBeInstanceOf(EventRejected);
    expect((error as Error).message).toContain(why);
    expect(events).toEqual([]);
  });

  test.each<[string, Buffer, string]>([
    ['gzip that ends too early', gzipSync(rows).subarray(0, -5_000), 'unexpected end of file'],
    [
      'gzip with a broken block',
      flipped(gzipSync(rows), gzipSync(rows).length - 20_000),
      'the gzip content is damaged',
    ],
    ['gzip with a wrong checksum', flipped(gzipSync(rows), gzipSync(rows).length - 6), 'incorrect data check'],
    [
      'gzip with something behind it',
      Buffer.concat([gzipSync(rows), Buffer.from('garbage')]),
      'the gzip content is damaged',
    ],
    ['zstd that ends too early', zstd.subarray(0, -500), 'unexpected end of file'],
    ['zstd with a wrong checksum', flipped(zstd, zstd.length - 2), "doesn't match checksum"],
  ])('%s: the rows before that are events', async (_, content, why) => {
    answer = serve(content);
    const { error, events } = await readAll(reading()());
    expect(error).toBeInstanceOf(EventRejected);
    expect((error as Error).message).toContain(why);
    expect(events.length).toBeGreaterThan(5_000);
    const beforeDamage = events.slice(0, 5_000);
    expect(json(beforeDamage)).toEqual(beforeDamage.map((_, n) => `{"id":"row ${n * 7919}","n":${n}}`));
  });

  test('a short gzip with a line break behind it: every row is an event, and the letter says where reading ended', async () => {
    const short = Buffer.from(`id,n\n${Array.from({ length: 1_000 }, (_, n) => `row ${n},${n}\n`).join('')}`);
    answer = serve(Buffer.concat([gzipSync(short), Buffer.from('\n')]));
    const { error, events } = await readAll(reading()());
    expect(json(events)).toEqual(Array.from({ length: 1_000 }, (_, n) => `{"id":"row ${n}","n":${n}}`));
    expect(error).toBeInstanceOf(EventRejected);
    expect((error as Error).message).toContain(
      `the whole rows of the first ${short.length} decompressed bytes were read, and nothing behind them`,
    );
  });

  test('truncated within its first bytes', async () => {
    answer = serve(gzipSync(rows).subarray(0, 5));
    expect((await readAll(reading()())).error).toMatchObject({
      message: expect.stringContaining('unexpected end of file'),
    });
  });
});

test.each<[string, Buffer]>([
  ['gzip without the ending', gzipSync('id,n\na,1\n')],
  [
    'gzip with zero bytes between its members',
    Buffer.concat([gzipSync('id,n\n'), Buffer.alloc(16), gzipSync('a,1\n'), Buffer.alloc(100_000)]),
  ],
  ['gzip in several members', Buffer.concat([gzipSync('id,n\na'), gzipSync(',1\n')])],
  ['zstd in several frames', Buffer.concat([zstdCompressSync('id,n\n'), zstdCompressSync('a,1\n')])],
])('reads %s', async (_, content) => {
  answer = serve(content);
  const { events, error } = await readAll(reading()());
  expect([json(events), error]).toEqual([['{"id":"a","n":1}'], undefined]);
});

test.each(['', 'id,n', 'id,n\n', '\n\n'])('a file without rows (%j) has no events, and ends', async (content) => {
  answer = serve(Buffer.from(content));
  expect(await readAll(reading()())).toEqual({ pages: [], events: [], error: undefined });
});

describe('an error of S3', () => {
  test.each([
    ['deleted', 404, 'NoSuchKey', 's3://landing/lines.csv (ETag e1) is deleted'],
    ['without this version', 404, 'NoSuchVersion', 'is deleted'],
    ['overwritten', 412, 'PreconditionFailed', 'was overwritten before it was read'],
  ])('the object is %s: rejected', async (...[, status, code, why]) => {
    answer = refuse(status, code);
    const { error } = await readAll(reading()());
    expect(error).toBeInstanceOf(EventRejected);
    expect((error as Error).message).toContain(why);
  });

  test.each([
    ['access is denied', 403, 'AccessDenied'],
    ['there is no such bucket', 404, 'NoSuchBucket'],
    ['S3 fails', 500, 'InternalError'],
    ['S3 throttles', 503, 'SlowDown'],
  ])('%s: retried, not rejected', async (...[, status, code]) => {
    answer = refuse(status, code);
    const { error } = await readAll(reading()());
    expect(error).toMatchObject({ name: code });
    expect(error).not.toBeInstanceOf(EventRejected);
  });

  test.each<[string, Buffer]>([
    ['plain', rows],
    ['gzip', gzipSync(rows)],
  ])(
    'a connection that breaks half-way (%s): the world’s, and reading goes on from the last page',
    async (_, content) => {
      const half = content.length - 1_000;
      answer = (response) => {
        response.writeHead(200, { 'content-length': content.length, 'last-modified': LAST_MODIFIED });
        response.write(content.subarray(0, half), () => response.destroy());
      };
      const broken = await readAll(reading()());
      expect(broken.error).toMatchObject({ code: 'ECONNRESET' });
      expect(broken.pages.length).toBeGreaterThan(0);

      answer = serve(content);
      const rest = await readAll(reading()(broken.pages.at(-1)?.position));
      expect(json([...broken.events, ...rest.events])).toEqual(json((await readAll(reading()())).events));
    },
  );

  test('an answer with other bytes than requested is an error', async () => {
    answer = serve(rows);
    const { pages } = await readAll(reading()());
    answer = (response) => serve(rows)(response, undefined);
    expect((await readAll(reading()(pages[0]?.position))).error).toMatchObject({
      message: expect.stringContaining('S3 was asked for the bytes from'),
    });
  });

  test('a range after the last row, which S3 answers with 416, is the end', async () => {
    answer = (response, range) =>
      range === undefined ? serve(rows)(response, range) : refuse(416, 'InvalidRange')(response, range);
    const { pages } = await readAll(reading()());
    expect(await readAll(reading()(pages.at(-1)?.position))).toMatchObject({ pages: [], error: undefined });
  });
});

test('continues inside plain content by a range, and reads the header again', async () => {
  answer = serve(rows);
  const { pages } = await readAll(reading()());
  const { offset } = pages[1]!.position as { offset: number };
  asked.length = 0;
  await readAll(reading()(pages[1]!.position));
  expect(asked.map(({ range }) => range)).toEqual([undefined, `bytes=${offset}-`]);
});

test('an endless line is rejected at once, and not read again from its start', async () => {
  answer = serve(
    Buffer.concat([Buffer.from('id,n\na,1\n'), Buffer.alloc(40 * 1024 * 1024, 'x'), Buffer.from('\nb,2\n')]),
  );
  const { pages, events } = await readAll(reading()());
  expect(json(events)).toEqual(['{"id":"a","n":1}', '{"id":"b","n":2}']);
  expect(pages.flatMap(({ rejections }) => rejections)).toMatchObject([{ reason: 'too-large', origin: { line: 3 } }]);
  expect(pages.length).toBeGreaterThanOrEqual(3);
  for (const { position } of pages.slice(0, -1))
    expect(json((await readAll(reading()(position))).events)).toEqual(['{"id":"b","n":2}']);
});

test('a reader that stops early closes the connection', async () => {
  const closed = new Promise((resolve) => {
    answer = (response) => {
      response.on('close', resolve);
      response.writeHead(200, { 'content-length': 10 * rows.length, 'last-modified': LAST_MODIFIED });
      response.write(rows);
    };
  });
  for await (const _ of reading()()) break;
  await closed;
});

test('a schema, key or time that does not fit does not compile, or is an error when the pipeline is loaded', () => {
  const typed: Source<{ id: string | null; n: number; day?: string | undefined }> = s3FilesSource(options);
  // @ts-expect-error not what the rows are
  const wrong: Source<{ id: number }> = s3FilesSource(options);
  // @ts-expect-error a key that the rows do not have
  const misspelt = () => s3FilesSource({ ...options, schema: Line.loose(), key: 'idd' });
  // @ts-expect-error a time that the rows do not have
  const untimed = () => s3FilesSource({ ...options, schema: Line.loose(), time: 'date' });
  expect(misspelt).toThrow("s3FilesSource: key is 'idd', a field that the schema does not declare: use one of 'id', ");
  expect(untimed).toThrow("s3FilesSource: time is 'date', a field that the schema does not declare");
  // @ts-expect-error a format that there is not
  s3FilesSource({ ...options, format: 'xml' });
  expect(typed.connector).toBe(wrong.connector);
  expect(() => s3FilesSource({ ...options, schema: Line.refine(() => true) })).toThrow(
    /^s3FilesSource checks its schema inside a function/,
  );
  expect(() => s3FilesSource({ ...options, schema: z.object({ id: z.array(z.string()) }) })).toThrow(
    /cannot read 'id' from CSV/,
  );
});
