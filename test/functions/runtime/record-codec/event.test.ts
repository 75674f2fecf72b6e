import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutgoingEvent } from '../../../../functions/runtime/event.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import { newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import { readAnyOrder } from '../../../../functions/runtime/record-codec/any-order.ts';
import { encodeEvent, sharedHead } from '../../../../functions/runtime/record-codec/encode.ts';
import { EventView, type RecordFacts } from '../../../../functions/runtime/record-codec/event-view.ts';
import { readFixedOrder, type SharedHead } from '../../../../functions/runtime/record-codec/fixed-order.ts';
import { plainLength } from '../../../../functions/runtime/record-codec/plain-event.ts';
import { ARRIVAL_MILLIS, aggregateOf, decode, decodeOne, outcome, SEQUENCE_NUMBER, told } from './given.ts';
import { damaged, eventNames, objectText, stringText, valueText } from './hostile-json.ts';

const text = fc.oneof(
  fc.constantFrom('/shop/orders', 'order.placed', 'customer-7', 'é', '😀', '"', '\\', 'a\nb', '","id":"x', ' '),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
);
const time = fc.constantFrom('2026-01-28T00:00:00.000Z', '2024-02-29T23:59:59+05:30', '2026-03-31T00:00:00Z');
const optional = fc.option(text, { nil: undefined });

const outgoing: fc.Arbitrary<OutgoingEvent> = fc.record({
  id: text,
  source: text,
  type: text,
  time,
  key: text,
  sequence: optional,
  traceparent: optional,
  xid: optional,
  commitLsn: optional,
  redrivenFor: optional,
  dataBytes: valueText.map((json) => Buffer.from(json)),
});

const plain = fc.constantFrom(
  '/shop/orders',
  'order.placed',
  'customer-7',
  'customer-8',
  ' ',
  '~',
  'k'.repeat(256),
  'k'.repeat(257),
);
const plainTime = fc.constantFrom('2026-01-28T00:00:00.000Z', '2026-12-01T23:59:59Z');

/** Events in their usual form, for which the fast path exists. */
const usual: fc.Arbitrary<OutgoingEvent> = fc.record({
  id: plain,
  source: plain,
  type: plain,
  time: plainTime,
  key: plain,
  sequence: fc.option(plain, { nil: undefined }),
  traceparent: fc.option(plain, { nil: undefined }),
  xid: fc.option(fc.oneof(plain, fc.constant('771')), { nil: undefined }),
  commitLsn: fc.option(fc.constantFrom('16/B374D848', ' '), { nil: undefined }),
  dataBytes: valueText.map((json) => Buffer.from(json)),
});

describe('an event that our writers encoded', () => {
  test('is decoded as it was encoded, alone or among others', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(usual, outgoing), { minLength: 1, maxLength: 6 }), (all) => {
        const events = all.filter(({ key }) => [...key].length <= 256);
        fc.pre(events.length > 0);
        const aggregate = aggregateOf(events.map((event) => [event.key, encodeEvent(event)]));
        const readTogether = decode(aggregate).entries.map(outcome);
        const expected = events.map((event, index) => {
          const { dataBytes, ...attributes } = event;
          const data = Buffer.from(dataBytes).toString();
          const original = Buffer.from(encodeEvent(event)).toString();
          const bytes = original.replaceAll(/[\n\r]/g, ' ');
          const position = positionOf(SEQUENCE_NUMBER, index);
          return { ...attributes, position, bytes, original, dataBytes: data, data: JSON.parse(data) };
        });
        expect(readTogether).toEqual(expected);
        expect(outcome(decodeOne(encodeEvent(events[0]!)))).toEqual(expected[0]);
      }),
      { numRuns: 500 },
    );
  });

  test('has the same bytes in a record when it is encoded there', () => {
    let plain = 0;
    fc.assert(
      fc.property(fc.array(fc.oneof(usual, outgoing), { minLength: 1, maxLength: 8 }), fc.nat(2_000), (all, spare) => {
        // Most writers give an event its sequence as its id.
        const events = all.flatMap((event) => [event, { ...event, sequence: event.id, traceparent: undefined }]);
        const maxBytes = 200 + spare;
        const [encoded, direct] = [newAggregate({ maxBytes }), newAggregate({ maxBytes })];
        for (const [index, event] of events.entries()) {
          const hashKey = index % 5 === 0 ? BigInt(index) << 100n : undefined;
          const isAdded = encoded.add(event.key, encodeEvent(event), hashKey);
          expect(direct.addEvent(event, hashKey)).toBe(isAdded);
          if (isAdded && plainLength(event, sharedHead) > 0) plain++;
        }
        expect(direct.finish()).toEqual(encoded.finish());
      }),
      { numRuns: 500 },
    );
    expect(plain).toBeGreaterThan(100);
  });

  test('has its attributes first, in one order, and its data last', () => {
    const event = {
      id: 'i',
      source: 's',
      type: 't',
      time: '2026-01-01T00:00:00Z',
      key: 'k',
      sequence: 'q',
      traceparent: 'p',
      dataBytes: Buffer.from('{"a": 1.0}'),
    };
    expect(Buffer.from(encodeEvent(event)).toString()).toBe(
      '{"specversion":"1.0","source":"s","type":"t","time":"2026-01-01T00:00:00Z","partitionkey":"k","sequence":"q",' +
        '"traceparent":"p","id":"i","data":{"a": 1.0}}',
    );
    expect(Buffer.from(encodeEvent({ ...event, sequence: undefined, traceparent: undefined })).toString()).toBe(
      '{"specversion":"1.0","source":"s","type":"t","time":"2026-01-01T00:00:00Z","partitionkey":"k","id":"i","data":{"a": 1.0}}',
    );
    expect(Buffer.from(encodeEvent({ ...event, traceparent: undefined, xid: '7', commitLsn: '0/1' })).toString()).toBe(
      '{"specversion":"1.0","source":"s","type":"t","time":"2026-01-01T00:00:00Z","partitionkey":"k","sequence":"q",' +
        '"xid":"7","commitlsn":"0/1","id":"i","data":{"a": 1.0}}',
    );
  });
});

/** Reads an event with JSON.parse: an oracle that uses no offsets and no order. */
function expectedOf(bytes: Buffer): ReturnType<typeof attributesOf> | 'rejected' | { foreign: unknown } {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return 'rejected';
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { foreign: json };
  const own = Object.assign(Object.create(null), json);
  const isEvent =
    own.specversion === '1.0' && [own.id, own.source, own.type].every((value) => typeof value === 'string');
  return isEvent ? attributesOf(own) : { foreign: json };
}

function attributesOf(json: Record<string, unknown>) {
  if ('data' in json && 'data_base64' in json) return 'rejected';
  const { id, source, type, time, partitionkey, sequence, traceparent, redrivenfor } = json;
  const texts = [id, source, type, time, partitionkey, sequence, traceparent, redrivenfor].filter(
    (value) => value != null,
  );
  if (texts.some((value) => typeof value !== 'string' || value === '' || !value.isWellFormed())) return 'rejected';
  if (time != null && !isTime(time as string)) return 'rejected';
  if (partitionkey != null && [...(partitionkey as string)].length > 256) return 'rejected';
  return {
    id,
    source,
    type,
    time: time ?? new Date(ARRIVAL_MILLIS).toISOString(),
    key: partitionkey ?? 'put-key',
    sequence: sequence ?? undefined,
    traceparent: traceparent ?? undefined,
    xid: ownText(json.xid),
    commitLsn: ownText(json.commitlsn),
    redrivenFor: redrivenfor ?? undefined,
    data: 'data' in json ? json.data : 'data_base64' in json ? json.data_base64 : null,
  };
}

/** An attribute that other producers may use for something else. */
function ownText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined;
}

function isTime(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.test(text))
    return false;
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10));
}

/** Compares an entry, at this index of its record, with what JSON.parse reads from its bytes. */
function expectAsParsed(bytes: Buffer, entry: ReturnType<typeof decodeOne>) {
  const expected = expectedOf(bytes);
  if (expected === 'rejected') {
    expect(outcome(entry)).toMatch(/^undecodable: /);
    expect(entry).toHaveProperty('rejection.bytes', bytes);
    return;
  }
  const got = outcome(entry);
  expect(got).toMatchObject('foreign' in expected ? { type: 'record.received', data: expected.foreign } : expected);
  if (typeof got === 'string') return;
  expect(got.bytes).not.toMatch(/[\n\r]/);
  expect(JSON.parse(got.dataBytes)).toEqual(got.data);
  // An event that is passed on is read as the same event.
  expect(outcome(decodeOne(got.bytes))).toMatchObject('foreign' in expected ? { data: expected.foreign } : expected);
}

const attributeText = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('"1.0"', '"x"', '"2026-01-28T00:00:00Z"', '"\\u0078"', '"é"', '"\\ud800"') },
  fc.constantFrom('null', '""', '1', '"2026-1-28"', '{"id":"x"}'),
  stringText(),
);

/** Mostly CloudEvents, with every form that JSON allows, and some that CloudEvents does not allow. */
const hostileEvent = fc
  .record({
    required: fc.constantFrom(
      ['specversion', 'id', 'source', 'type'],
      ['specversion', 'id', 'source', 'type', 'time', 'data'],
    ),
    more: fc.array(fc.tuple(eventNames(), fc.oneof(attributeText, valueText)), { maxLength: 5 }),
    data: valueText,
  })
  .chain(({ required, more, data }) => {
    const values: Record<string, string> = { specversion: '"1.0"', time: '"2026-01-28T00:00:00.000Z"', data };
    const members = [...required.map((name) => [name, values[name] ?? '"x"'] as const), ...more];
    return fc
      .shuffledSubarray(members, { minLength: members.length - 1 })
      .chain((shuffled) =>
        fc.tuple(...shuffled.map(([name, value]) => fc.tuple(stringText(fc.constant(name)), fc.constant(value)))),
      );
  })
  .chain(objectText)
  .map((json) => Buffer.from(json));

/** Nearly our own form, which decides between the fast path and the slow one. */
const nearlyOurs = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: usual }, outgoing),
    fc.constantFrom('', '', '', ',"id":"y"', ',"data":7', ',"time":"2026-01-28T00:00:01Z"', ',"\\u0069d":"z"', ' '),
  )
  .map(([event, more]) => {
    const whole = Buffer.from(encodeEvent(event)).toString();
    return Buffer.from(`${whole.slice(0, -1)}${more}}`);
  });

const anyBytes = fc.oneof(
  hostileEvent,
  nearlyOurs,
  damaged(hostileEvent),
  damaged(nearlyOurs),
  damaged(damaged(nearlyOurs)),
);

describe('any bytes', () => {
  test('are read as JSON.parse reads them', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expectAsParsed(bytes, decodeOne(bytes));
      }),
      { numRuns: 5_000 },
    );
  });

  test('are read the same after an event that looks like them, whatever bytes follow', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, fc.array(fc.nat(255)), (bytes, other, behind) => {
        const aggregate = aggregateOf([bytes, bytes, other, bytes].map((event) => ['put-key', event]));
        const { entries } = decode(aggregate);
        for (const [index, event] of [bytes, bytes, other, bytes].entries()) expectAsParsed(event, entries[index]!);

        const buffer = Buffer.concat([bytes, Buffer.from(behind)]);
        const cut = decodeOne(buffer.subarray(0, bytes.length));
        expect(outcome(cut)).toEqual(outcome(decodeOne(bytes)));
      }),
      { numRuns: 1_000 },
    );
  });

  test('are read the same by the fast path and the slow path', () => {
    const record: RecordFacts = { source: '/s', arrivalTime: 't', positionAt: (index) => positionOf('1', index) };
    let fast = 0;
    fc.assert(
      fc.property(fc.array(fc.oneof(nearlyOurs, damaged(nearlyOurs)), { minLength: 1, maxLength: 3 }), (events) => {
        let previous: SharedHead | undefined;
        for (const bytes of events.flatMap((event) => [event, event])) {
          const event = { buffer: bytes, start: 0, end: bytes.length, partitionKey: 'put-key' };
          const fixed = readFixedOrder(event, previous);
          if (fixed === undefined) continue;
          fast++;
          previous = fixed.head;
          const slow = new EventView(readAnyOrder(event, record, 0), record, 0);
          expect(told(new EventView(fixed.layout, record, 0))).toEqual(told(slow));
        }
      }),
      { numRuns: 2_000 },
    );
    expect(fast).toBeGreaterThan(1_000);
  });
});

describe('the key', () => {
  test.each([
    ['customer-7', 'customer-77'],
    ['customer-77', 'customer-7'],
    ['customer-7', 'customer-8'],
    ['a","sequence":"b', 'a'],
    ['é', 'e'],
  ])('is the one in the event, even when it was put with another: %s, %s', (partitionKey, key) => {
    const attributes = { id: 'i', source: 's', type: 't', time: '2026-01-28T00:00:00Z', key, traceparent: undefined };
    const bytes = encodeEvent({ ...attributes, sequence: 'b', dataBytes: Buffer.from('1') });
    const { entries } = decode(aggregateOf([[partitionKey, bytes]]));
    expect(entries).toMatchObject([{ partitionKey, event: { key, sequence: 'b' } }]);
  });
});

describe('data', () => {
  test.each([
    ['numbers beyond 2^53', '{"n":9007199254740993,"d":0.1000000000000000055}'],
    ['whitespace', '{ "a" :\t[ 1 , 2 ] }'],
    ['escapes that need not be', '"\\u0041\\/"'],
  ])('keeps %s as they came', (_, json) => {
    const event = `{ "data" : ${json} , "type":"t","source":"s","id":"i","specversion":"1.0"}`;
    expect(outcome(decodeOne(event))).toMatchObject({ dataBytes: json, data: JSON.parse(json), bytes: event });
  });

  test('is the last of several members with that name, as in JSON.parse', () => {
    const event = '{"data":1,"specversion":"1.0","id":"i","d\\u0061ta":2,"source":"s","type":"t","data":{"data":3}}';
    expect(outcome(decodeOne(event))).toMatchObject({ dataBytes: '{"data":3}', data: { data: 3 } });
  });

  test('is null when there is none', () => {
    const event = '{"specversion":"1.0","id":"i","source":"s","type":"t"}';
    expect(outcome(decodeOne(event))).toMatchObject({ dataBytes: 'null', data: null, bytes: event });
  });

  test('in base64 stays base64, as it came', () => {
    const event = '{"specversion":"1.0","id":"i","source":"s","type":"t","data_base64":"aGk="}';
    expect(outcome(decodeOne(event))).toMatchObject({ dataBytes: '"aGk="', data: 'aGk=', bytes: event });
  });

  test('is parsed once', () => {
    const entry = decodeOne('{"specversion":"1.0","id":"i","source":"s","type":"t","data":{"a":1}}');
    if (!('event' in entry)) throw new Error('rejected');
    expect(entry.event.data).toBe(entry.event.data);
  });
});

describe('an event as bytes', () => {
  test('is on one line, and its data as it came', () => {
    const entry = decodeOne('\ufeff \n{"specversion":"1.0",\n"id":"i","source":"s","type":"t","data":[1,\r\n2]}\n\n');
    expect(outcome(entry)).toMatchObject({
      bytes: '{"specversion":"1.0", "id":"i","source":"s","type":"t","data":[1,  2]}',
      dataBytes: '[1,\r\n2]',
      original: '{"specversion":"1.0",\n"id":"i","source":"s","type":"t","data":[1,\r\n2]}',
    });
  });
});

describe('a record that is not a CloudEvent', () => {
  test.each([
    ['an object', '{"order":7}', { order: 7 }],
    ['an array', '[1,2]', [1, 2]],
    ['a number', '12', 12],
    ['a text', '"hello"', 'hello'],
    ['null', 'null', null],
    ['another version of CloudEvents', '{"specversion":"0.3","id":"i","source":"s","type":"t"}', expect.anything()],
    ['an event without an id', '{"specversion":"1.0","source":"s","type":"t"}', expect.anything()],
    ['an event whose id is a number', '{"specversion":"1.0","id":1,"source":"s","type":"t"}', expect.anything()],
  ])('is read as one: %s', (_, json, data) => {
    const position = positionOf(SEQUENCE_NUMBER, 0);
    const attributes = {
      id: position,
      source: '/streams/orders',
      type: 'record.received',
      time: '2026-01-31T12:30:00.000Z',
    };
    expect(outcome(decodeOne(`\ufeff ${json}\r\n`))).toEqual({
      ...attributes,
      key: 'put-key',
      sequence: undefined,
      traceparent: undefined,
      position,
      data,
      dataBytes: json,
      original: json,
      redrivenFor: undefined,
      bytes: `{"specversion":"1.0",${['source', 'type', 'time']
        .map((name) => `"${name}":"${attributes[name as 'source']}"`)
        .join(',')},"partitionkey":"put-key","id":"${position}","data":${json}}`,
    });
  });
});
