import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compress } from '../../../../functions/runtime/record-codec/compress.ts';
import { aggregateOf, decode, decodeOne, outcome, sealed } from './given.ts';
import { valueText } from './hostile-json.ts';

const AGGREGATE = aggregateOf([
  ['a', '{"n":1}'],
  ['b', '{"n":2}'],
]);
const CLOUD_EVENT = { specversion: '1.0', id: 'i', source: 's', type: 't', data: 1 };

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const flipped = (bytes: Buffer, at: number) =>
  Buffer.from(bytes.map((byte, index) => (index === at % bytes.length ? byte ^ 1 : byte)));
const event = (attributes: object) => JSON.stringify({ ...CLOUD_EVENT, ...attributes });

describe('a corrupt record is one rejection that says what is wrong and keeps the bytes', () => {
  test.each<[string, Buffer | string, string | RegExp]>([
    ['nothing at all', '', 'not JSON: it is empty'],
    ['whitespace', ' \n', 'not JSON: it ends too early, after 2 bytes'],
    ['a byte order mark alone', '\ufeff', 'not JSON: it ends too early, after 3 bytes'],
    ['text', 'hello', 'not JSON: unexpected byte 0'],
    ['a row of CSV', '1,2', 'not JSON: unexpected byte 1'],
    ['two values', '{"a":1}{"b":2}', 'not JSON: unexpected byte 7'],
    ['NDJSON', '{"a":1}\n{"b":2}', 'not JSON: unexpected byte 8'],
    ['an object cut off', '{"a":', 'not JSON: it ends too early, after 5 bytes'],
    ['a text cut off in an escape', '"\\u00', 'not JSON: it ends too early, after 5 bytes'],
    ['a trailing comma', '{"a":1,}', 'not JSON: unexpected byte 7'],
    ['single quotes', "{'a':1}", 'not JSON: unexpected byte 1'],
    ['NaN', '{"a":NaN}', 'not JSON: unexpected byte 5'],
    ['a leading zero', '[01]', 'not JSON: unexpected byte 2'],
    ['a control character in a text', '"a\tb"', 'not JSON: unexpected byte 2'],
    ['Latin-1', hex('22 e9 22'), 'not JSON: not UTF-8 at byte 1'],
    ['half of a surrogate pair in UTF-8', hex('22 eda080 22'), 'not JSON: not UTF-8 at byte 1'],
    ['UTF-16', Buffer.from('{}', 'utf16le'), 'not JSON: unexpected byte 1'],
    ['bytes of no format', hex('00 01 02'), 'not JSON: unexpected byte 0'],
    ['JSON that is nested too deep', '['.repeat(1_001), 'JSON nested deeper than 1000 levels at byte 1000'],

    ['a CloudEvent with an empty id', event({ id: '' }), `CloudEvent: 'id' is empty`],
    ['with an empty source', event({ source: '' }), `CloudEvent: 'source' is empty`],
    ['with an empty type', event({ type: '' }), `CloudEvent: 'type' is empty`],
    ['with a time in words', event({ time: 'noon' }), `CloudEvent: 'time' is no RFC 3339 time: "noon"`],
    [
      'with a day that does not exist',
      event({ time: '2026-02-30T00:00:00Z' }),
      /^CloudEvent: 'time' is no RFC 3339 time/,
    ],
    ['with a number for a time', event({ time: 1769817600 }), `CloudEvent: 'time' is not a text but "1769817600"`],
    ['with a number for a key', event({ partitionkey: 7 }), `CloudEvent: 'partitionkey' is not a text but "7"`],
    ['with an empty key', event({ partitionkey: '' }), `CloudEvent: 'partitionkey' is empty`],
    [
      'with a long key',
      event({ partitionkey: 'k'.repeat(257) }),
      `CloudEvent: 'partitionkey' has 257 characters, at most 256 are possible`,
    ],
    ['with a number for a sequence', event({ sequence: 7 }), `CloudEvent: 'sequence' is not a text but "7"`],
    ['with a list for a traceparent', event({ traceparent: [] }), `CloudEvent: 'traceparent' is not a text but "[]"`],
    [
      'with half a character in its id',
      event({ id: '\ud800' }),
      `CloudEvent: 'id' is not well-formed Unicode: "\\ud800"`,
    ],
    ['with data twice', event({ data_base64: '' }), `CloudEvent: it has both 'data' and 'data_base64'`],

    ['the magic alone', hex('f3899ac2'), 'aggregated record: it has 4 bytes, too few to hold its MD5'],
    [
      'an aggregate cut off',
      AGGREGATE.subarray(0, -1),
      'aggregated record: its MD5 does not match: damaged or cut off',
    ],
    [
      'an aggregate with a flipped bit',
      flipped(AGGREGATE, 10),
      'aggregated record: its MD5 does not match: damaged or cut off',
    ],
    ['an aggregate with a wrong digest', flipped(AGGREGATE, AGGREGATE.length - 1), /MD5 does not match/],
    ['an aggregate of nothing', sealed(hex('')), 'aggregated record: it holds no event'],
    ['an aggregate of keys only', sealed(hex('0a 01 61')), 'aggregated record: it holds no event'],
    ['a field longer than its message', sealed(hex('1a 7f 00')), 'aggregated record: a field is cut off at byte 5'],
    ['a length without an end', sealed(hex('1a 80')), 'aggregated record: a number is cut off at byte 5'],
    ['a length of 2^63', sealed(hex('1a 80808080808080808001')), 'aggregated record: a field is cut off at byte 5'],
    [
      'a length of eleven bytes',
      sealed(hex('1a 8080808080808080808001')),
      'aggregated record: a number has more than 10 bytes at byte 5',
    ],
    ['a table that is a number', sealed(hex('08 01')), 'aggregated record: field 1 has wire type 0 at byte 4'],
    ['events that are numbers', sealed(hex('18 01')), 'aggregated record: field 3 has wire type 0 at byte 4'],
    ['field number 0', sealed(hex('02 00')), 'aggregated record: no field has such a tag at byte 4'],
    ['a group', sealed(hex('4b 4c')), 'aggregated record: wire type 3 is unknown at byte 5'],
    ['a fixed field cut off', sealed(hex('49 00')), 'aggregated record: a field is cut off at byte 5'],

    ['zstd cut off', compress(AGGREGATE).subarray(0, -3), 'zstd: unexpected end of file'],
    ['the magic of zstd alone', hex('28b52ffd'), 'zstd: unexpected end of file'],
    [
      'zstd with something behind it',
      Buffer.concat([compress(AGGREGATE), Buffer.from('tail')]),
      /^zstd: unknown frame descriptor$/,
    ],
    [
      'zstd that asks for much memory',
      hex('28b52ffd 00 ff 01 00 00'),
      'zstd: frame requires too much memory for decoding',
    ],
    [
      'more frames than anybody writes',
      Buffer.concat(new Array(1025).fill(compress(Buffer.alloc(0)))),
      'zstd: more than 1024 frames',
    ],
    ['zstd of text', compress(Buffer.from('hello')), 'not JSON: unexpected byte 0'],
    ['zstd of zstd', compress(compress(AGGREGATE)), 'not JSON: unexpected byte 0'],
    ['gzip cut off', gzipSync(AGGREGATE).subarray(0, -3), 'gzip: unexpected end of file'],
    [
      'gzip with a wrong checksum',
      flipped(gzipSync(AGGREGATE), gzipSync(AGGREGATE).length - 6),
      'gzip: incorrect data check',
    ],
    [
      'gzip with something behind it',
      Buffer.concat([gzipSync(AGGREGATE), Buffer.from('tail')]),
      'gzip: incorrect header check',
    ],
    ['the magic of gzip alone', hex('1f8b'), 'gzip: unexpected end of file'],
    ['gzip of a damaged aggregate', gzipSync(flipped(AGGREGATE, 9)), /^aggregated record: its MD5 does not match/],
  ])('%s', (_, data, message) => {
    const bytes = Buffer.from(data);
    const { entries } = decode(bytes);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      rejection: {
        reason: 'undecodable',
        message: typeof message === 'string' ? message : expect.stringMatching(message),
        bytes,
        at: expect.stringMatching(/^[-\w]{32}----$/),
      },
    });
  });
});

describe('a corrupt entry of a sound aggregate is one rejection, and the others are read', () => {
  /** Makes an aggregate of a good entry, this one, and another good one. */
  const around = (record: string, table = '0a 01 61 12 01 37') => {
    const entry = hex(record);
    const good = hex('1a 05 08 00 1a 01 31');
    return sealed(Buffer.concat([hex(table), good, Buffer.from([0x1a, entry.length]), entry, good]));
  };

  test.each<[string, Buffer, string]>([
    ['no data', around('08 00'), 'it has no data'],
    ['no key', around('1a 01 31'), 'it has no partition key'],
    ['nothing', around(''), 'it has no data'],
    [
      'a key outside the table',
      around('08 01 1a 01 31'),
      'its partition key is number 1 of a table of 1, counted from 0',
    ],
    [
      'a key at 2^63',
      around('08 80808080808080808001 1a 01 31'),
      'its partition key is number Infinity of a table of 1, counted from 0',
    ],
    [
      'a hash key outside',
      around('08 00 10 05 1a 01 31'),
      'its explicit hash key is number 5 of a table of 1, counted from 0',
    ],
    [
      'a hash key that is no number',
      around('08 00 10 00 1a 01 31', '0a 01 61 12 01 78'),
      'its explicit hash key is no number from 0 to 2^128 - 1',
    ],
    [
      'a hash key of 2^128',
      around('08 00 10 00 1a 01 31', `0a 01 61 12 27 ${Buffer.from(String(1n << 128n)).toString('hex')}`),
      'its explicit hash key is no number from 0 to 2^128 - 1',
    ],
    [
      'an empty key',
      around('08 01 1a 01 31', '0a 01 61 0a 00'),
      'its partition key is empty: give it 1 to 256 characters',
    ],
    ['a key that is not UTF-8', around('08 01 1a 01 31', '0a 01 61 0a 01 ff'), 'its partition key is not UTF-8'],
    ['data cut off', around('08 00 1a 05 31'), 'a field is cut off at byte 22'],
    ['an index that is a text', around('0a 01 00 1a 01 31'), 'field 1 has wire type 2 at byte 19'],
    ['data that is a number', around('08 00 18 01'), 'field 3 has wire type 0 at byte 21'],
  ])('%s', (_, record, problem) => {
    const { aggregated, entries } = decode(record);
    expect(aggregated).toBe(true);
    expect(entries.map(outcome)).toEqual([
      expect.objectContaining({ data: 1 }),
      `undecodable: aggregated record, entry 1: ${problem}`,
      expect.objectContaining({ data: 1 }),
    ]);
  });

  test('not JSON, and the rejection keeps the bytes of that entry', () => {
    const { entries } = decode(
      aggregateOf([
        ['a', '1'],
        ['a', '{"n":'],
        ['a', gzipSync('2').subarray(0, 9)],
        ['a', '3'],
      ]),
    );
    expect(entries.map((entry) => ('event' in entry ? entry.event.data : entry.rejection.message))).toEqual([
      1,
      'not JSON: it ends too early, after 5 bytes',
      'gzip: unexpected end of file',
      3,
    ]);
    expect(entries[1]).toHaveProperty('rejection.bytes', Buffer.from('{"n":'));
    expect(entries[2]).toHaveProperty('rejection.bytes', gzipSync('2').subarray(0, 9));
  });
});

describe('whatever the bytes are,', () => {
  const sound = fc
    .array(valueText, { minLength: 1, maxLength: 5 })
    .map((texts) => aggregateOf(texts.map((text) => ['a', text])));
  const anyRecord = fc.oneof(
    sound,
    sound.map(compress),
    sound.map((bytes) => gzipSync(bytes)),
  );

  test('a damaged record is read or rejected, and never makes the decoder throw', () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(), fc.nat(255), (record, at, byte) => {
        const bytes = Buffer.from(record);
        bytes[at % bytes.length] = byte;
        for (const damaged of [bytes, bytes.subarray(0, at % bytes.length)]) {
          for (const entry of decode(damaged).entries) outcome(entry);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test('a message with a valid MD5 is read or rejected, and never makes the decoder throw', () => {
    const byte = fc.oneof(fc.constantFrom(0x08, 0x0a, 0x10, 0x12, 0x1a, 0, 1, 2, 3, 0x22, 0x31, 0x80), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (message) => {
        for (const entry of decode(sealed(Buffer.from(message))).entries) outcome(entry);
      }),
      { numRuns: 10_000 },
    );
  });

  test('an aggregate inside an aggregate is rejected', () => {
    expect(outcome(decode(aggregateOf([['a', AGGREGATE]])).entries[0]!)).toBe(
      'undecodable: not JSON: unexpected byte 0',
    );
    expect(outcome(decodeOne('1'))).toMatchObject({ data: 1 });
  });
});
