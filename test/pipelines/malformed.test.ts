import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letter.ts';
import { newAggregate } from '../../functions/runtime/record-codec/aggregate.ts';
import { encodeEvent } from '../../functions/runtime/record-codec/encode.ts';
import { deadLetters, eventsBelow, type LakeEvent } from '../../infra/local/demo/lake.ts';
import { everythingDone } from '../../infra/local/everything-done.ts';
import { type Local, startLocal } from '../../infra/local/start.ts';
import { orders } from '../../infra/pipelines/orders.ts';
import { sensors } from '../../infra/pipelines/sensors.ts';

const GOOD = {
  sensor_id: 'a',
  date: '2026-01-01',
  precipitation: 0,
  temp_max: 1.5,
  temp_min: 0,
  wind: 1,
  weather: 'sun',
};
const JSON_TYPE = { 'content-type': 'application/json' };
const CLOUD_EVENT = { 'content-type': 'application/cloudevents+json' };
const event = (changes: object) =>
  JSON.stringify({ specversion: '1.0', id: '1', source: '/devices', type: 'reading.sent', data: GOOD, ...changes });

/** Requests that the source rejects: nothing of them reaches the log. */
const REQUESTS: readonly {
  what: string;
  body: string | Buffer<ArrayBuffer>;
  headers?: Record<string, string>;
  status: number;
  reason: RegExp;
}[] = [
  { what: 'no body', body: '', status: 400, reason: /JSON|empty/i },
  { what: 'a truncated object', body: '{"sensor_id":"a","date":', status: 400, reason: /JSON/ },
  {
    what: 'two objects side by side',
    body: `${JSON.stringify(GOOD)}${JSON.stringify(GOOD)}`,
    status: 400,
    reason: /JSON/,
  },
  { what: 'a number for an object', body: '7', status: 400, reason: /object/ },
  { what: 'a missing field', body: '{"date":"2026-01-01"}', status: 400, reason: /sensor_id/ },
  { what: 'a number for a sensor', body: '{"sensor_id":7,"date":"2026-01-01"}', status: 400, reason: /sensor_id/ },
  { what: 'a day that does not exist', body: '{"sensor_id":"a","date":"2026-02-30"}', status: 400, reason: /date/ },
  {
    what: 'one bad reading among good ones',
    body: JSON.stringify([GOOD, { date: 1 }, GOOD]),
    status: 400,
    reason: /"index":1/,
  },
  {
    what: 'bytes that are not UTF-8',
    body: Buffer.from('{"sensor_id":"\xff","date":"2026-01-01"}', 'latin1'),
    status: 400,
    reason: /UTF-8/,
  },
  {
    what: 'XML',
    body: '<reading/>',
    headers: { 'content-type': 'text/xml' },
    status: 415,
    reason: /application\/json/,
  },
  {
    what: 'an unknown compression',
    body: 'x',
    headers: { ...JSON_TYPE, 'content-encoding': 'br' },
    status: 415,
    reason: /gzip/,
  },
  {
    what: 'broken gzip',
    body: gzipSync('{}').subarray(0, 12),
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    status: 400,
    reason: /gzip/,
  },
  {
    what: 'a CloudEvent without an id',
    body: event({ id: undefined }),
    headers: CLOUD_EVENT,
    status: 400,
    reason: /id/,
  },
  {
    what: 'a CloudEvent of another version',
    body: event({ specversion: '0.3' }),
    headers: CLOUD_EVENT,
    status: 400,
    reason: /specversion/,
  },
  {
    what: 'a CloudEvent with a time that is none',
    body: event({ time: 'yesterday' }),
    headers: CLOUD_EVENT,
    status: 400,
    reason: /time/,
  },
  {
    what: 'a CloudEvent that poses as a step of ours',
    body: event({ source: '/sensors/cleaning/x' }),
    headers: CLOUD_EVENT,
    status: 400,
    reason: /source/,
  },
  {
    what: 'a key that is too long',
    body: JSON.stringify({ ...GOOD, sensor_id: 'k'.repeat(257) }),
    status: 400,
    reason: /256/,
  },
  {
    what: 'a reading larger than the stream takes',
    body: JSON.stringify({ ...GOOD, note: 'x'.repeat(1_100_000) }),
    status: 413,
    reason: /bytes/,
  },
];

const aggregated = (() => {
  const aggregate = newAggregate({ maxBytes: 10_000 });
  const encoded = encodeEvent({
    id: '1',
    source: '/devices',
    type: 'reading.sent',
    time: '2026-01-01T00:00:00Z',
    key: 'a',
    sequence: undefined,
    traceparent: undefined,
    dataBytes: Buffer.from('{}'),
  });
  aggregate.add('a', encoded);
  return aggregate.finish();
})();
const damaged = (bytes: Buffer, at: number) =>
  Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ 0xff : byte)));

/**
 * Records that another producer put into `raw`. Each becomes a dead letter of the cleaning step; those that do not
 * decode become dead letters of the archive too.
 */
const RECORDS: readonly { what: string; data: Buffer; reason: string; message: RegExp }[] = [
  { what: 'bytes that are no JSON', data: Buffer.from([1, 2, 3]), reason: 'undecodable', message: /JSON/ },
  { what: 'truncated JSON', data: Buffer.from('{"sensor_id":'), reason: 'undecodable', message: /JSON/ },
  { what: 'UTF-16', data: Buffer.from('{"sensor_id":"b"}', 'utf16le'), reason: 'undecodable', message: /JSON/ },
  {
    what: 'an aggregate with a wrong MD5',
    data: damaged(aggregated, aggregated.length - 1),
    reason: 'undecodable',
    message: /MD5/,
  },
  {
    what: 'an aggregate that is cut off',
    data: aggregated.subarray(0, 12),
    reason: 'undecodable',
    message: /aggregat|MD5/,
  },
  { what: 'broken gzip', data: gzipSync('{"a":1}').subarray(0, 15), reason: 'undecodable', message: /gzip/ },
  { what: 'broken zstd', data: zstdCompressSync('{"a":1}').subarray(0, 9), reason: 'undecodable', message: /zstd/ },
  {
    what: 'a CloudEvent with a time that is none',
    data: Buffer.from(event({ time: 'noon' })),
    reason: 'undecodable',
    message: /time/,
  },
  {
    what: 'a CloudEvent with an empty type',
    data: Buffer.from(event({ type: '' })),
    reason: 'undecodable',
    message: /type/,
  },
  { what: 'a list', data: Buffer.from('[1,"list"]'), reason: 'schema', message: /object/ },
  { what: 'a text', data: Buffer.from('"text alone"'), reason: 'schema', message: /object/ },
  { what: 'null', data: Buffer.from('null'), reason: 'schema', message: /object/ },
  {
    what: 'a text for a number',
    data: Buffer.from(JSON.stringify({ ...GOOD, temp_max: 'n/a' })),
    reason: 'schema',
    message: /temp_max/,
  },
  {
    what: 'null for a number',
    data: Buffer.from(JSON.stringify({ ...GOOD, wind: null })),
    reason: 'schema',
    message: /wind/,
  },
  {
    what: 'a field that is missing',
    data: Buffer.from('{"sensor_id":"b","date":"2026-01-01"}'),
    reason: 'schema',
    message: /precipitation/,
  },
];

const LINE = '1,"CA-1",2026-01-01,2026-01-02,"First",C,N,S,US,City,State,01234,West,P,Cat,Sub,"Product",10.5,2,0,1.5';
const HEADER =
  'Row ID,Order ID,Order Date,Ship Date,Ship Mode,Customer ID,Customer Name,Segment,Country,City,State,Postal Code,Region,Product ID,Category,Sub-Category,Product Name,Sales,Quantity,Discount,Profit';
const changed = (column: string, cell: string) => {
  const cells = LINE.split(',');
  cells[HEADER.split(',').indexOf(column)] = cell;
  return cells.join(',');
};

/** Rows of a file that the source rejects. Each becomes a dead letter of the source, with its line. */
const ROWS: readonly { what: string; row: string; message: RegExp }[] = [
  { what: 'a cell too few', row: LINE.slice(0, LINE.lastIndexOf(',')), message: /20.*21|21.*20/ },
  { what: 'a cell too many', row: `${LINE},more`, message: /22.*21|21.*22/ },
  { what: 'a text for a number', row: changed('Sales', 'a lot'), message: /Sales/ },
  { what: 'a decimal comma', row: changed('Sales', '"10,5"'), message: /Sales/ },
  { what: 'no number at all', row: changed('Quantity', ''), message: /Quantity/ },
  { what: 'a fraction for a count', row: changed('Quantity', '1.5'), message: /Quantity/ },
  { what: 'infinity', row: changed('Profit', 'Infinity'), message: /Profit/ },
  { what: 'a day that does not exist', row: changed('Order Date', '2026-02-30'), message: /Order Date/ },
  { what: 'a quote that opens in the middle', row: changed('City', 'To"wn'), message: /quote/i },
];

describe('malformed input', () => {
  const running = new AsyncDisposableStack();
  const complaints: string[] = [];
  const replies = new Map<string, { status: number; text: string }>();
  let local: Local;
  let letters: readonly DeadLetter[];
  let archived: readonly LakeEvent[];
  let tables: { orders: number; readings: number };

  beforeAll(async () => {
    const { signal } = new AbortController();
    const quiet = () => () => undefined;
    const onLog = (name: string, line: string) => complaints.push(`${name}: ${line}`);
    local = await startLocal({ pipelines: [orders, sensors], onLog, trace: quiet, signal }, running);
    const url = local.runner.urls.get('sensors/devices') ?? '';
    for (const { what, body, headers = JSON_TYPE } of REQUESTS) {
      const reply = await fetch(url, { method: 'POST', headers, body });
      replies.set(what, { status: reply.status, text: await reply.text() });
    }
    const post = (body: unknown) => fetch(url, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
    expect((await post([GOOD, { ...GOOD, sensor_id: null }])).status).toBe(202);
    const StreamName = local.stage.names.stream('sensors', 'raw');
    for (const { data } of RECORDS) {
      await local.stage.clients.kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: data }));
    }
    const file = join(tmpdir(), `millrace-malformed-${process.pid}.csv`);
    await writeFile(file, [HEADER, LINE, ...ROWS.map(({ row }) => row), changed('Row ID', '2')].join('\n'));
    running.defer(async () => writeFile(file, ''));
    await local.runner.landing.put(file, 'orders/malformed.csv');
    await everythingDone(local, signal);
    letters = await deadLetters(local.stage.clients.s3, local.stage.names.deadLetters);
    archived = await eventsBelow(local.stage.clients.s3, local.stage.names.lake, 'raw/');
    tables = {
      orders: local.counts.of('orders/completed_orders').eventsOut,
      readings: local.counts.of('sensors/readings').eventsOut,
    };
  });
  afterAll(() => running.disposeAsync());

  const bytesOf = ({ text, base64 }: DeadLetter) =>
    text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text);
  const lettersOf = (step: string) => letters.filter((letter) => `${letter.pipeline}/${letter.step}` === step);

  test.each(REQUESTS)(
    'in a request, such as $what, is rejected by the source with $status',
    ({ what, status, reason }) => {
      expect(replies.get(what)).toMatchObject({ status, text: expect.stringMatching(reason) });
    },
  );

  test.each(RECORDS)(
    'in a record, such as $what, becomes one dead letter with the original bytes',
    ({ data, reason, message }) => {
      const found = lettersOf('sensors/cleaning').filter((letter) => bytesOf(letter).equals(data));
      expect(found).toMatchObject([{ reason, message: expect.stringMatching(message) }]);
    },
  );

  test.each(ROWS)('in a row, such as $what, is one dead letter with its line', ({ row, message }) => {
    const found = lettersOf('orders/exports').filter((letter) => bytesOf(letter).toString().trimEnd() === row);
    expect(found).toMatchObject([
      {
        message: expect.stringMatching(message),
        origin: { key: 'orders/malformed.csv', line: ROWS.findIndex((one) => one.row === row) + 3 },
      },
    ]);
  });

  test('is accounted for: every input is an output, a dead letter, a rejected request or an intended drop', () => {
    const undecodable = RECORDS.filter(({ reason }) => reason === 'undecodable').length;
    // Accepted readings: one good, one of nobody. Records: all of them.
    expect(archived).toHaveLength(2 + RECORDS.length - undecodable);
    expect(lettersOf('sensors/archive')).toHaveLength(undecodable);
    expect(lettersOf('sensors/cleaning')).toHaveLength(RECORDS.length);
    expect(lettersOf('orders/exports')).toHaveLength(ROWS.length);
    expect(letters).toHaveLength(undecodable + RECORDS.length + ROWS.length);
    expect(tables).toEqual({ orders: 2, readings: 1 });
  });

  test('crashes no step', () => {
    // A loaded machine answers some calls too late: the step reports each and makes it again.
    expect(complaints.filter((line) => !line.includes('AbortError: Request aborted'))).toEqual([]);
  });
});
