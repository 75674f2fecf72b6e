import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Source } from '../../../../functions/runtime/source.ts';
import { httpDefinition, httpSource } from '../../../../functions/sources/http/http.ts';
import type { Request } from '../../../../functions/sources/http/request-body.ts';
import { openSource } from '../../../contracts/source-harnesses.ts';
import { noDeadline } from '../../../eventually.ts';

const Reading = z.looseObject({ sensor_id: z.string().nullable(), celsius: z.number(), at: z.string().optional() });
const options = { schema: Reading, type: 'reading.sent', key: 'sensor_id' } as const;
const source = openSource(httpDefinition, httpSource(options).options);

const ARRIVAL = '2024-02-29T10:00:00.000Z';

interface Sent {
  readonly type?: string | undefined;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** As Lambda makes it of an HTTP request: bodies that are not text come in base64. */
function request(
  body: string | Buffer | undefined,
  { type = 'application/json', method = 'POST', headers = {} }: Sent = {},
): Request {
  const isBinary = Buffer.isBuffer(body);
  return {
    headers: { ...(type === '' ? {} : { 'content-type': type }), ...headers },
    requestContext: { http: { method }, timeEpoch: Date.parse(ARRIVAL) },
    body: isBinary ? body.toString('base64') : body,
    isBase64Encoded: isBinary,
  };
}

const receive = (sent: Request, from = source) => from.receive(sent, noDeadline());

async function taken(sent: Request, from = source) {
  const { events, reply } = await receive(sent, from);
  expect(reply({ outcome: 'appended', count: events.length })).toMatchObject({ statusCode: 202 });
  return events.map(({ dataBytes, ...event }) => ({ ...event, data: Buffer.from(dataBytes).toString() }));
}

async function rejected(sent: Request, from = source) {
  const { events, reply } = await receive(sent, from);
  expect(events).toEqual([]);
  const { statusCode, headers, body } = reply({ outcome: 'appended', count: 0 });
  return {
    statusCode,
    headers,
    ...(JSON.parse(body) as { error: string; events?: { index: number; reason: string }[] }),
  };
}

const cloudEvent = (more: object = {}) => ({
  specversion: '1.0',
  id: 'e1',
  source: 'urn:device:1',
  type: 'reading.taken',
  data: { sensor_id: 'a', celsius: 1 },
  ...more,
});
const STRUCTURED = 'application/cloudevents+json';
const NDJSON = 'application/x-ndjson';
const BATCH = 'application/cloudevents-batch+json';

describe('accepts', () => {
  test('one JSON object', async () => {
    expect(await taken(request('{"sensor_id":"a","celsius":1.5}'))).toEqual([
      { type: 'reading.sent', time: ARRIVAL, key: 'a', data: '{"sensor_id":"a","celsius":1.5}' },
    ]);
  });

  test('an array of events, each byte for byte as it was sent', async () => {
    const elements = [
      '{ "sensor_id": "a",\n "celsius": 1.50, "big": 12345678901234567890 }',
      '{"celsius":-0.0,"sensor_id":"\\u0062","note":"[},{]\\""}',
    ];
    const events = await taken(request(` [ ${elements.join(' ,\n ')} ] `));
    expect(events.map(({ data }) => data)).toEqual(elements);
    expect(events.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  test.each(['application/x-ndjson', 'application/ndjson; charset=utf-8'])(
    'lines of JSON as %s, each byte for byte',
    async (type) => {
      const lines = [
        '{ "sensor_id": "a", "celsius": 1.50 }',
        '{"celsius":-0.0,"sensor_id":"b"}',
        '{"sensor_id":"c","celsius":3}',
      ];
      const events = await taken(request(`\n${lines[0]}\r\n \t\n  ${lines[1]}\n\n${lines[2]}`, { type }));
      expect(events.map(({ data }) => data)).toEqual(lines);
      expect(events.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
      const body = gzipSync(Array(10_000).fill(lines[1]).join('\n'));
      expect(await taken(request(body, { type, headers: { 'content-encoding': 'gzip' } }))).toHaveLength(10_000);
    },
  );

  test('an empty array', async () => {
    expect(await taken(request('[]'))).toEqual([]);
  });

  test('a body in base64, with a byte order mark, and white space around it', async () => {
    const [event] = await taken(request(Buffer.from('\uFEFF \n{"sensor_id":"é","celsius":1}\n ')));
    expect(event).toMatchObject({ key: 'é', data: '{"sensor_id":"é","celsius":1}' });
  });

  test.each(['gzip', 'x-gzip'])('a body in %s, with zeros between its members', async (encoding) => {
    const body = Buffer.concat([gzipSync('[{"sensor_id":"a",'), Buffer.alloc(16), gzipSync('"celsius":1}]')]);
    expect(await taken(request(body, { headers: { 'content-encoding': encoding } }))).toHaveLength(1);
  });

  test.each([
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
    'application/json; charset=us-ascii',
  ])('%s', async (type) => {
    expect(await taken(request('{"sensor_id":"a","celsius":1}', { type }))).toHaveLength(1);
  });

  test('an event without a key, which gets its own id as key', async () => {
    const events = await taken(request('[{"sensor_id":null,"celsius":1},{"sensor_id":"","celsius":2}]'));
    for (const { id, key } of events) {
      expect(key).toMatch(/^[\da-f-]{36}$/);
      expect(id).toBe(key);
    }
    expect(new Set(events.map(({ key }) => key)).size).toBe(2);
  });

  test('a time from a field, when one is named', async () => {
    const timed = openSource(httpDefinition, httpSource({ ...options, time: 'at' }).options);
    const [event] = await taken(request('{"sensor_id":"a","celsius":1,"at":"2024-01-01"}'), timed);
    expect(event?.time).toBe('2024-01-01T00:00:00Z');
    expect((await rejected(request('{"sensor_id":"a","celsius":1}'), timed)).events).toEqual([
      { index: 0, reason: expect.stringContaining('at: ') },
    ]);
  });

  test('a trace from the header; an invalid one is ignored', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const body = '{"sensor_id":"a","celsius":1}';
    expect(await taken(request(body, { headers: { traceparent } }))).toMatchObject([{ traceparent }]);
    expect((await taken(request(body, { headers: { traceparent: 'x' } })))[0]).not.toHaveProperty('traceparent');
  });

  test('a CloudEvent in structured mode, with its attributes', async () => {
    const attributes = {
      id: 'e1',
      source: 'urn:device:1',
      type: 'reading.taken',
      time: '2024-01-01T00:00:00+01:00',
      sequence: '17',
      partitionkey: 'p',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    };
    const data = '{"celsius": 1.0,"sensor_id":"a"}';
    const body = JSON.stringify({ specversion: '1.0', ...attributes }).replace(/}$/, `, "data" : ${data} }`);
    const { partitionkey, ...kept } = attributes;
    expect(await taken(request(body, { type: STRUCTURED }))).toEqual([{ ...kept, key: partitionkey, data }]);
  });

  test('a CloudEvent with nothing but the required attributes', async () => {
    const body = JSON.stringify(cloudEvent({ time: null, sequence: null }));
    expect(await taken(request(body, { type: STRUCTURED }))).toEqual([
      {
        id: 'e1',
        source: 'urn:device:1',
        type: 'reading.taken',
        time: ARRIVAL,
        key: 'a',
        data: '{"sensor_id":"a","celsius":1}',
      },
    ]);
  });

  test('a CloudEvent without any key, whose id is its key', async () => {
    const body = JSON.stringify(cloudEvent({ data: { sensor_id: null, celsius: 1 } }));
    expect(await taken(request(body, { type: STRUCTURED }))).toMatchObject([{ id: 'e1', key: 'e1' }]);
  });

  test('CloudEvents in batch mode, whose sequences may be numbers', async () => {
    const body = JSON.stringify([cloudEvent({ sequence: 1 }), cloudEvent({ id: 'e2', sequence: 2 })]);
    expect(await taken(request(body, { type: BATCH }))).toMatchObject([
      { id: 'e1', sequence: '1' },
      { id: 'e2', sequence: '2' },
    ]);
  });

  test('a CloudEvent in binary mode', async () => {
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': 'e1',
      'ce-source': 'urn:device:%C3%A9',
      'ce-type': 'reading.taken',
      'ce-sequence': '17',
      'ce-partitionkey': '100%',
    };
    expect(await taken(request('{"sensor_id":"a","celsius":1.0}', { headers }))).toEqual([
      {
        id: 'e1',
        source: 'urn:device:é',
        type: 'reading.taken',
        time: ARRIVAL,
        key: '100%',
        sequence: '17',
        data: '{"sensor_id":"a","celsius":1.0}',
      },
    ]);
  });
});

test('refuses an event that is nested deeper than every reader takes, and takes one that is not', async () => {
  const nested = (levels: number) =>
    `{"sensor_id":"a","celsius":1,"more":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  expect(await taken(request(nested(1_000)))).toHaveLength(1);
  // The last one is deeper than the call stack.
  for (const levels of [1_001, 500_000]) {
    const { statusCode, events } = await rejected(request(`[${nested(levels)}]`));
    expect([statusCode, events]).toEqual([
      400,
      [{ index: 0, reason: expect.stringMatching(/^JSON nested deeper than 1000 levels at byte \d+$/) }],
    ]);
  }
});

describe('rejects the request', () => {
  const good = '{"sensor_id":"a","celsius":1}';
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));

  test.each<[string, Request, number, string]>([
    ['another method', request(undefined, { method: 'GET' }), 405, 'the method is GET: send events by POST'],
    [
      'a form',
      request('a=b', { type: 'application/x-www-form-urlencoded' }),
      415,
      "the content type is 'application/x-www-form-urlencoded'",
    ],
    [
      'a form, and shows the command that sends JSON',
      request('a=b', { type: 'application/x-www-form-urlencoded' }),
      415,
      "curl -H 'content-type: application/json' -d '{…}'",
    ],
    ['no content type', request(good, { type: '' }), 415, "the content type is ''"],
    ['text', request(good, { type: 'text/plain' }), 415, "the content type is 'text/plain'"],
    [
      'CloudEvents in XML',
      request('<e/>', { type: 'application/cloudevents+xml' }),
      415,
      "the content type is 'application/cloudevents+xml'",
    ],
    ['another charset', request(good, { type: 'application/json; charset=utf-16' }), 415, "the charset is 'utf-16'"],
    [
      'another content encoding',
      request(good, { headers: { 'content-encoding': 'br' } }),
      415,
      "the content encoding is 'br'",
    ],
    [
      'text that says it is gzip',
      request(good, { headers: { 'content-encoding': 'gzip' } }),
      400,
      'the body is not gzip',
    ],
    [
      'truncated gzip',
      request(gzipSync(good).subarray(0, 20), { headers: { 'content-encoding': 'gzip' } }),
      400,
      'the body is not gzip',
    ],
    ['a gzip bomb', request(bomb, { headers: { 'content-encoding': 'gzip' } }), 413, 'at most 6291456 bytes'],
    ['a body that is too long', request(`"${'x'.repeat(6 * 1024 * 1024)}"`), 413, 'at most 6291456 bytes'],
    ['too many lines', request('1\n'.repeat(10_001), { type: NDJSON }), 413, 'more than 10000 events; at most 10000'],
    ['lines of white space', request(' \n\r\n', { type: NDJSON }), 400, 'the body has no line of JSON'],
    [
      'lines with the headers of a CloudEvent',
      request('{"sensor_id":"a","celsius":1}\n', { type: NDJSON, headers: { 'ce-specversion': '1.0' } }),
      400,
      'the headers describe one CloudEvent, and the body is lines of JSON',
    ],
    ['too many events', request(`[${Array(10_001).fill('1').join()}]`), 413, 'at most 10000'],
    ['no body', request(undefined), 400, 'the body is empty'],
    ['an empty body', request(''), 400, 'the body is empty'],
    ['bytes that are not UTF-8', request(Buffer.from([0x22, 0xff, 0x22])), 400, 'the body is not UTF-8'],
    ['UTF-16', request(Buffer.from(`\uFEFF${good}`, 'utf16le')), 400, 'the body is not UTF-8'],
    ['text that is not JSON', request('sensor a: hot'), 400, 'the body is not JSON'],
    ['truncated JSON', request('[{"sensor_id":"a"'), 400, 'the body is not JSON'],
    ['two values', request(`${good}\n${good}`), 400, 'the body is not JSON'],
    ['NaN', request('{"sensor_id":"a","celsius":NaN}'), 400, 'the body is not JSON'],
    ['a number', request('17'), 400, 'neither a JSON object nor an array'],
    ['null', request('null'), 400, 'neither a JSON object nor an array'],
    [
      'a batch that is not an array',
      request(JSON.stringify(cloudEvent()), { type: BATCH }),
      400,
      'the body is not an array',
    ],
    [
      'an array in structured mode',
      request(JSON.stringify([cloudEvent()]), { type: STRUCTURED }),
      400,
      'the body is an array',
    ],
  ])('%s', async (...[, sent, statusCode, error]) => {
    expect(await rejected(sent)).toMatchObject({ statusCode, error: expect.stringContaining(error) });
  });

  test('and says what it accepts', async () => {
    expect((await rejected(request(undefined, { method: 'GET' }))).headers.allow).toBe('POST');
    expect((await rejected(request('', { type: 'text/csv' }))).headers.accept).toBe(
      'application/json, application/x-ndjson, application/ndjson, application/cloudevents+json, application/cloudevents-batch+json',
    );
    expect((await rejected(request('', { headers: { 'content-encoding': 'br' } }))).headers['accept-encoding']).toBe(
      'gzip',
    );
  });
});

describe('rejects an event', () => {
  test('of a line, by its index among the lines, and then accepts none', async () => {
    const body = '{"sensor_id":"a","celsius":1}\n\n{"sensor_id":\n{"sensor_id":"b"}\n';
    expect(await rejected(request(body, { type: NDJSON }))).toMatchObject({
      statusCode: 400,
      error: expect.stringContaining('2 of 3 events are bad; none was accepted'),
      events: [
        { index: 1, reason: expect.stringContaining('the line is not JSON') },
        { index: 2, reason: expect.stringContaining('celsius') },
      ],
    });
  });

  test.each<[string, string, string]>([
    ['a missing field', '{"sensor_id":"a"}', 'celsius: Invalid input: expected number, received undefined'],
    ['a wrong type', '{"sensor_id":"a","celsius":"hot"}', 'celsius: Invalid input: expected number, received string'],
    [
      'two faults',
      '{"sensor_id":7,"celsius":null}',
      'sensor_id: Invalid input; celsius: Invalid input: expected number, received null',
    ],
    ['an element that is no object', '[1]', 'data: Invalid input: expected object, received number'],
    [
      'an infinite number',
      '{"sensor_id":"a","celsius":1e999}',
      'celsius: Invalid input: expected number, received Infinity',
    ],
    [
      'a key that is too long',
      `{"sensor_id":"${'x'.repeat(257)}","celsius":1}`,
      "sensor_id: the event's key has 257 characters, at most 256 are possible",
    ],
  ])('%s', async (_, body, reason) => {
    expect(await rejected(request(body))).toMatchObject({
      statusCode: 400,
      events: [{ index: 0, reason: expect.stringContaining(reason) }],
    });
  });

  test.each<[string, object, string]>([
    ['no specversion', { specversion: undefined }, 'specversion: Invalid input: expected "1.0"'],
    ['another specversion', { specversion: '0.3' }, 'specversion: Invalid input: expected "1.0"'],
    ['no id', { id: undefined }, 'id: Invalid input: expected string, received undefined'],
    ['an empty id', { id: '' }, 'id: Too small'],
    ['no source', { source: undefined }, 'source: Invalid input: expected string, received undefined'],
    ['an endless source', { source: 'x'.repeat(1_025) }, 'source: Too big'],
    ['no type', { type: undefined }, 'type: Invalid input: expected string, received undefined'],
    ['a time that is none', { time: 'yesterday' }, 'time: must be an RFC 3339 time'],
    ['a sequence that is neither text nor integer', { sequence: 1.5 }, 'sequence: Invalid input'],
    [
      'a partition key that is too long',
      { partitionkey: 'x'.repeat(257) },
      'partitionkey: has 257 characters, at most 256 are possible',
    ],
    ['half of a surrogate pair in the key', { partitionkey: '\ud800' }, 'partitionkey: has half of a surrogate pair'],
    ['data that is not JSON', { datacontenttype: 'text/csv' }, 'datacontenttype: must be JSON'],
    ['binary data', { data: undefined, data_base64: 'AAAA' }, 'data_base64: is binary data'],
    ['no data', { data: undefined }, 'data: is missing'],
    ['data that does not fit', { data: { sensor_id: 'a' } }, 'celsius: Invalid input'],
    [
      'an id that would be the key, and is too long',
      { id: 'x'.repeat(257), data: { sensor_id: null, celsius: 1 } },
      "id: the event's key has 257 characters",
    ],
    [
      'the name of one of our own steps',
      { source: '/pipeline/step/abc/lane-1/g' },
      "source: '/pipeline/…' is reserved for the steps of pipeline 'pipeline': use another source",
    ],
    [
      'the name of a step of another pipeline',
      { source: '/bank/cleaning/x' },
      "source: '/bank/…' is reserved for the steps of pipeline 'bank': use another source",
    ],
  ])('a CloudEvent with %s', async (_, more, reason) => {
    expect(await rejected(request(JSON.stringify(cloudEvent(more)), { type: STRUCTURED }))).toMatchObject({
      statusCode: 400,
      events: [{ index: 0, reason: expect.stringContaining(reason) }],
    });
  });

  test('a CloudEvent in binary mode without an id', async () => {
    const headers = { 'ce-specversion': '1.0', 'ce-source': 's', 'ce-type': 't' };
    expect(await rejected(request('{"sensor_id":"a","celsius":1}', { headers }))).toMatchObject({
      events: [{ index: 0, reason: 'id: Invalid input: expected string, received undefined' }],
    });
  });

  test('but accepts a source that only resembles one of our own steps', async () => {
    for (const name of ['/pipelines/a', '/other/step', 'pipeline/step', '/pipeline'])
      expect(await taken(request(JSON.stringify(cloudEvent({ source: name })), { type: STRUCTURED }))).toHaveLength(1);
  });

  test('and reports every bad event by its index, and accepts none', async () => {
    const body = '[{"sensor_id":"a","celsius":1},{"sensor_id":"a"},7,{"sensor_id":"b","celsius":2},{"celsius":3}]';
    expect(await rejected(request(body))).toMatchObject({
      statusCode: 400,
      error: '3 of 5 events are bad; none was accepted: correct them and send the request again',
      events: [
        { index: 1, reason: 'celsius: Invalid input: expected number, received undefined' },
        { index: 2, reason: 'data: Invalid input: expected object, received number' },
        { index: 4, reason: expect.stringMatching(/^sensor_id: /) },
      ],
    });
  });
});

test.each([
  [{ outcome: 'appended', count: 3 }, 202, { accepted: 3 }, undefined],
  [{ outcome: 'throttled' }, 429, { error: expect.stringContaining('send the request again') }, '1'],
  [{ outcome: 'failed' }, 503, { error: expect.stringContaining('send the request again') }, '5'],
  [{ outcome: 'paused' }, 503, { error: expect.stringContaining('send the request again') }, '60'],
  [
    { outcome: 'too-large', refused: [{ index: 1, size: 9, limit: 8 }] },
    413,
    {
      error: expect.any(String),
      events: [{ index: 1, reason: 'the event has 9 bytes, and the stream allows 8: send a smaller one' }],
    },
    undefined,
  ],
] as const)('answers %j after the append with %d', async (...[append, statusCode, body, retryAfter]) => {
  const { reply } = await receive(request('[{"sensor_id":"a","celsius":1}]'));
  const answer = reply(append);
  expect(answer).toMatchObject({ statusCode, headers: { 'content-type': 'application/json' } });
  expect(answer.headers['retry-after']).toBe(retryAfter);
  expect(JSON.parse(answer.body)).toEqual(body);
});

test('a schema, key or time that does not fit does not compile, or is an error when the pipeline is loaded', () => {
  const typed: Source<{ sensor_id: string | null; celsius: number }> = httpSource(options);
  // @ts-expect-error not what is sent
  const wrong: Source<{ sensor_id: number }> = httpSource(options);
  // @ts-expect-error a key that the events do not have
  const misspelt = () => httpSource({ schema: z.looseObject({ a: z.string() }), type: 't', key: 'b' });
  // @ts-expect-error a time that the events do not have
  const untimed = () => httpSource({ schema: z.looseObject({ a: z.string() }), type: 't', key: 'a', time: 'b' });
  expect(misspelt).toThrow(
    "httpSource: key is 'b', a field that the schema does not declare: use one of 'a', or declare it in the schema",
  );
  expect(untimed).toThrow("httpSource: time is 'b', a field that the schema does not declare");
  expect(typed.connector).toBe(wrong.connector);
  expect(() => httpSource({ ...options, schema: Reading.refine(() => true) })).toThrow(
    /^httpSource checks its schema inside a function/,
  );
});
