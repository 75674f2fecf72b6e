import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elementRanges, memberRanges, textOf } from '../../../../functions/runtime/json/json-ranges.ts';

const elements = (text: string) => {
  const bytes = Buffer.from(text);
  return elementRanges(bytes).map((range) => textOf(bytes, range));
};
const members = (text: string) => {
  const bytes = Buffer.from(text);
  return Object.fromEntries([...memberRanges(bytes)].map(([name, range]) => [name, textOf(bytes, range)]));
};

test.each([
  ['an empty array', '[]', []],
  ['an empty array with space', ' [ \n ] ', []],
  [
    'numbers as they were written',
    '[1, 1.0 ,1e2,-0,12345678901234567890]',
    ['1', '1.0', '1e2', '-0', '12345678901234567890'],
  ],
  ['brackets, commas and quotes in texts', '["],[", "\\"", "\\\\", "a,b"]', ['"],["', '"\\""', '"\\\\"', '"a,b"']],
  ['nested values', '[{"a":[1,{"b":"]"}]},[[],[2]],null]', ['{"a":[1,{"b":"]"}]}', '[[],[2]]', 'null']],
  ['words', '[true,false,null]', ['true', 'false', 'null']],
  ['characters of several bytes', '["é","😀",{"ü":"ß"}]', ['"é"', '"😀"', '{"ü":"ß"}']],
])('finds the elements of an array: %s', (_, text, expected) => {
  expect(elements(text)).toEqual(expected);
});

test.each([
  ['an empty object', '{ }', {}],
  ['space around everything', ' { "a" : 1 , "b" :\t[ 2 ] } ', { a: '1', b: '[ 2 ]' }],
  ['names with escapes', '{"a\\"b":1,"\\u0064ata":{"x":"}"}}', { 'a"b': '1', data: '{"x":"}"}' }],
  ['the last of equal names', '{"data":1,"data":2}', { data: '2' }],
])('finds the members of an object: %s', (_, text, expected) => {
  expect(members(text)).toEqual(expected);
});

test('a value nested deeper than the call stack is found', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  expect(elements(`[${deep},1]`)).toEqual([deep, '1']);
});

test('every element and member of any JSON, however it is spaced, parses to what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t', '\n '), (values, space) => {
      expect(elements(JSON.stringify(values, null, space)).map((text) => JSON.parse(text))).toEqual(
        JSON.parse(JSON.stringify(values)),
      );
    }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 2), (object, space) => {
      const text = JSON.stringify(object, null, space);
      const found = [...memberRanges(Buffer.from(text))].map(([name, range]) => [
        name,
        JSON.parse(textOf(Buffer.from(text), range)),
      ]);
      expect(found).toEqual(Object.entries(JSON.parse(text)));
    }),
  );
});
