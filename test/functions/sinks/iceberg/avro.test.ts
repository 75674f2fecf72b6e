import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeAvro, encodeAvro } from '../../../../functions/sinks/iceberg/avro/container.ts';
import { MANIFEST_LIST, manifestSchema, renamed } from '../../../../functions/sinks/iceberg/avro/schemas.ts';
import { exactJson, parseExactly } from '../../../../functions/sinks/iceberg/catalog/exact-json.ts';

const SCHEMA = {
  type: 'record',
  name: 'r',
  fields: [
    { name: 'id', type: 'long', 'field-id': 1 },
    { name: 'bytes', type: ['null', 'bytes'], default: null, 'field-id': 2 },
  ],
};
const RECORDS = [
  { id: 9_223_372_036_854_775_807n, bytes: null },
  { id: -1n, bytes: Buffer.from([0, 255]) },
];

test('a file of Avro comes back as it was written, with numbers of 64 bits and the numbers of its fields', () => {
  const file = decodeAvro(encodeAvro(SCHEMA, { 'format-version': '2' }, RECORDS));
  expect(file.records.map((record) => ({ ...(record as object) }))).toEqual(RECORDS);
  expect(file.schema).toEqual(SCHEMA);
  expect(file.metadata.get('format-version')).toBe('2');
});

test('a file that is cut off is no file', () => {
  const bytes = encodeAvro(SCHEMA, {}, RECORDS);
  expect(() => decodeAvro(bytes.subarray(0, bytes.length - 8))).toThrow('cut off');
  expect(() => decodeAvro(Buffer.from('PAR1'))).toThrow('not Avro');
});

test('a file of others, compressed with deflate, is read', () => {
  const plain = encodeAvro(SCHEMA, {}, RECORDS);
  const { length } = encodeAvro(SCHEMA, {}, []);
  const sync = plain.subarray(-16);
  const data = plain.subarray(length + 2, -16);
  const packed = deflateRawSync(data);
  // The codec has the same length in both: 'null' is written as 'null', so the header is made anew.
  const header = encodeAvro(SCHEMA, {}, []);
  const at = header.indexOf('null', header.indexOf('avro.codec'));
  const deflated = Buffer.concat([
    header.subarray(0, at - 1),
    Buffer.from([14]),
    Buffer.from('deflate'),
    header.subarray(at + 4, -16),
    sync,
    Buffer.from([RECORDS.length * 2]),
    Buffer.from([packed.length * 2]),
    packed,
    sync,
  ]);
  expect(decodeAvro(deflated).records.map((record) => ({ ...(record as object) }))).toEqual(RECORDS);
});

test('manifests of others are known by the numbers of their fields, not by their names', () => {
  const older = {
    type: 'record',
    name: 'manifest_file',
    fields: [
      { name: 'manifest_path', type: 'string', 'field-id': 500 },
      { name: 'added_data_files_count', type: 'int', 'field-id': 504 },
    ],
  };
  expect(renamed([{ manifest_path: 's3://a', added_data_files_count: 3 }], older, MANIFEST_LIST)[0]).toMatchObject({
    manifest_path: 's3://a',
    added_files_count: 3,
    key_metadata: null,
  });
});

test('a manifest says the partition of its files under the number of the partition field', () => {
  const text = JSON.stringify(
    manifestSchema([{ name: 'event_time_day', transform: 'day', 'source-id': 4, 'field-id': 1000 }]),
  );
  expect(text).toContain(
    '{"name":"event_time_day","type":["null",{"type":"int","logicalType":"date"}],"default":null,"field-id":1000}',
  );
});

test('ids of snapshots keep all of their digits in JSON', () => {
  const text = '{"id":7434895223017563187,"small":12,"half":1.5,"list":[9223372036854775807]}';
  const value = parseExactly(text);
  expect(value).toEqual({ id: 7_434_895_223_017_563_187n, small: 12, half: 1.5, list: [9_223_372_036_854_775_807n] });
  expect(exactJson(value)).toBe(text);
});
