import { expect, test } from 'vitest';
import { checkKey, itemOf, tombstoneOf } from '../../../../functions/sinks/dynamodb/item.ts';

const of = { key: { name: 'id', value: 'k' }, version: 2n ** 63n - 1n };
const made = (json: string) => itemOf(Buffer.from(json), of);

test('each field is an attribute, and numbers keep all of their digits', () => {
  const json =
    '{"a":"x","n":12345678901234567890123456789012345678,"p":-0.10,"e":1E-130,"l":[1,null,true],"m":{"b":{}},"z":0.00}';
  expect(made(json)).toEqual({
    id: { S: 'k' },
    millrace_version: { N: '9223372036854775807' },
    a: { S: 'x' },
    n: { N: '12345678901234567890123456789012345678' },
    p: { N: '-0.10' },
    e: { N: '1E-130' },
    l: { L: [{ N: '1' }, { NULL: true }, { BOOL: true }] },
    m: { M: { b: { M: {} } } },
    z: { N: '0' },
  });
});

test('the field that the table calls its key may repeat the key', () => {
  expect(made('{"id":"k"}')).toMatchObject({ id: { S: 'k' } });
  expect(itemOf(Buffer.from('{"id":7}'), { ...of, key: { name: 'id', value: '7' } })).toMatchObject({ id: { S: '7' } });
});

test.each([
  ['7', 'its data is a number, and an item is made of an object'],
  ['null', 'its data is null'],
  ['[1]', 'its data is a list'],
  ['"x"', 'its data is a string'],
  ['{"id":"other"}', "its field 'id' is not its key, and the table has its key there"],
  ['{"id":null}', "its field 'id' is not its key"],
  ['{"millrace_version":1}', "it has a field 'millrace_version', which is the sink's own attribute"],
  [
    '{"a":{"b":[123456789012345678901234567890123456789]}}',
    "its field 'a.b.0' is 123456789012345678901234567890123456789",
  ],
  ['{"a":1e126}', "its field 'a' is 1e126, and DynamoDB holds numbers of 38 digits, from 1E-130 to 9.9E125"],
  ['{"a":0.01e-129}', "its field 'a' is 0.01e-129"],
  [`{"a":${'['.repeat(40)}${']'.repeat(40)}}`, "its field 'a.0.0.0.0' is nested deeper than 32 levels"],
  [`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 'nested deeper than 32 levels'],
])('data that no item can hold is refused, with field and value: %#', (json, message) => {
  expect(() => made(json)).toThrow(message);
});

test('a field called __proto__ is an attribute like any other', () => {
  expect(Object.keys(made('{"__proto__":"x","a":1}'))).toContain('__proto__');
});

test.each(['', 'x'.repeat(2_049), 'ü'.repeat(1_025), 'own'])(
  'a key that DynamoDB or the sink cannot take is refused',
  (key) => {
    expect(() => checkKey(key, 'own')).toThrow(/^its key /);
  },
);

test('a tombstone has the key, the version, and when it may go', () => {
  expect(tombstoneOf(of, 1_500)).toEqual({
    id: { S: 'k' },
    millrace_version: { N: '9223372036854775807' },
    millrace_deleted: { BOOL: true },
    millrace_expires: { N: '2' },
  });
});
