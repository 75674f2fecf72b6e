import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { wireSchemaOf } from '../../../../functions/runtime/json/wire-schema.ts';
import { cellReader, checkCsvSchema } from '../../../../functions/sources/s3-files/csv-cells.ts';

const read = (schema: z.ZodType, header: readonly string[], cells: readonly string[]) =>
  cellReader(wireSchemaOf(schema, 's3FilesSource'), header)(cells);
const one = (schema: z.ZodType, cell: string) => read(z.object({ a: schema }), ['a'], [cell]).json;

test.each<[string, z.ZodType, string, string]>([
  ['a text', z.string(), '12', '{"a":"12"}'],
  ['a text with quotes and line breaks', z.string(), 'a"\n', '{"a":"a\\"\\n"}'],
  ['an empty text', z.string(), '', '{"a":""}'],
  ['an integer', z.int(), '12', '{"a":12}'],
  ['a number with all its digits', z.number(), '12345678901234567890.10', '{"a":12345678901234567890.10}'],
  ['a negative number with an exponent', z.number(), '-1.5e-3', '{"a":-1.5e-3}'],
  ['a number in spaces', z.number(), ' 12 ', '{"a":12}'],
  ['true', z.boolean(), 'TRUE', '{"a":true}'],
  ['false', z.boolean(), 'false', '{"a":false}'],
  ['nothing for a nullable number', z.number().nullable(), '', '{"a":null}'],
  ['nothing for a nullable text', z.string().nullable(), '', '{"a":null}'],
  ['nothing for an optional number', z.number().optional(), '', '{}'],
  ['nothing for an optional text', z.string().optional(), '', '{"a":""}'],
  ['a nullable number', z.number().nullable(), '1', '{"a":1}'],
  ['a number or text: a number', z.union([z.number(), z.string()]), '1', '{"a":1}'],
  ['a number or text: a text', z.union([z.number(), z.string()]), '1a', '{"a":"1a"}'],
  ['an enum', z.enum(['x', 'y']), 'x', '{"a":"x"}'],
  ['a literal number', z.literal([1, 2]), '1', '{"a":1}'],
  ['a date', z.iso.date(), '2024-02-29', '{"a":"2024-02-29"}'],
  ['anything', z.unknown(), '1', '{"a":"1"}'],
  ['a type that is used twice', z.string().meta({ id: 'Used' }), 'x', '{"a":"x"}'],
])('reads %s', (...[, schema, cell, json]) => {
  expect(one(schema, cell)).toBe(json);
});

test.each<[string, z.ZodType, string, string]>([
  ['a text for a number', z.number(), 'hot', 'a: the cell does not hold a number'],
  ['a decimal comma', z.number(), '1,5', 'a: the cell does not hold a number'],
  ['a number with zeros before it', z.number(), '007', 'a: the cell does not hold a number'],
  ['infinity', z.number(), 'Infinity', 'a: the cell does not hold a number'],
  ['a hexadecimal number', z.number(), '0x1f', 'a: the cell does not hold a number'],
  ['nothing for a number', z.number(), '', 'a: the cell is empty, expected a number'],
  ['yes for a boolean', z.boolean(), 'yes', 'a: the cell does not hold a boolean'],
  ['a text for a nullable number', z.number().nullable(), 'x', 'a: the cell does not hold a number or nothing'],
])('rejects %s', (...[, schema, cell, why]) => {
  expect(() => one(schema, cell)).toThrow(why);
});

test('the value is what the JSON parses to', () => {
  const schema = z.looseObject({ a: z.number(), b: z.string().nullable() });
  const { json, value } = read(schema, ['b', 'a', '__proto__'], ['', '1.50', 'x']);
  expect(json).toBe('{"b":null,"a":1.50,"__proto__":"x"}');
  expect(value).toEqual(JSON.parse(json));
});

describe('columns that the schema does not name', () => {
  test.each<[string, z.ZodType, string]>([
    ['are left out', z.object({ a: z.string() }), '{"a":"x"}'],
    ['are texts when the schema is loose', z.looseObject({ a: z.string() }), '{"a":"x","b":"1"}'],
    ['are what its catchall says', z.object({ a: z.string() }).catchall(z.number()), '{"a":"x","b":1}'],
  ])('%s', (_, schema, json) => {
    expect(read(schema, ['a', 'b'], ['x', '1']).json).toBe(json);
  });
});

test.each<[string, z.ZodType, string[], string]>([
  [
    'lacks a column',
    z.object({ a: z.string(), b: z.string(), c: z.string() }),
    ['a'],
    "no column 'b', which the schema requires, no column 'c'",
  ],
  ['has a column twice', z.object({ a: z.string() }), ['a', 'a'], "the column 'a' twice"],
  ['has a column without a name', z.object({ a: z.string() }), ['a', ''], 'a column without a name'],
  [
    'has a column too many',
    z.strictObject({ a: z.string() }),
    ['a', 'b'],
    "the column 'b', which the schema does not allow",
  ],
  [
    'has a column too many that every object has',
    z.strictObject({ a: z.string() }),
    ['a', 'constructor'],
    "the column 'constructor', which the schema does not allow",
  ],
])('a header that %s is rejected, because no row could fit', (...[, schema, header, why]) => {
  expect(() => read(schema, header, [])).toThrow(why);
});

test.each([
  [['1'], 1],
  [['1', '2', '3'], 3],
  [[''], 1],
])('a row of %j under two columns is rejected', (cells, count) => {
  expect(() => read(z.object({ a: z.string() }), ['a', 'b'], cells)).toThrow(
    `the row has ${count} cells, and the header has 2`,
  );
});

test.each<[string, z.ZodType, RegExp]>([
  ['a list in a field', z.object({ a: z.array(z.string()) }), /cannot read 'a' from CSV/],
  ['an object in a field', z.object({ a: z.object({ b: z.string() }) }), /cannot read 'a' from CSV/],
  ['no object', z.array(z.string()), /must be a z\.object\(\)/],
])('a schema that no CSV row can fit is an error: %s', (_, schema, why) => {
  expect(() => checkCsvSchema(wireSchemaOf(schema, 's3FilesSource'))).toThrow(UserMistake);
  expect(() => checkCsvSchema(wireSchemaOf(schema, 's3FilesSource'))).toThrow(why);
});

test.each<[string, readonly string[], string]>([
  [
    'two columns for one field',
    ['ID', 'Id', 'n'],
    "the column 'id' twice; its columns are 'ID', 'Id', 'n': rename one of the two in the file",
  ],
  ['no column for a field', ['key', 'n'], "no column 'id', which the schema requires; its columns are 'key', 'n'"],
  ['very many columns', Array.from({ length: 30 }, (_, i) => `c${i}`), "'c19' and 10 more"],
])('a message about a header with %s names the columns that were found', (_, header, why) => {
  expect(() => read(z.object({ id: z.string(), n: z.string() }), header, [])).toThrow(why);
});

test('a column with the own name of a field counts, not another one in other capitals', () => {
  expect(read(z.object({ id: z.string() }), ['ID', 'id'], ['x', 'y']).json).toBe('{"id":"y"}');
  expect(read(z.object({ id: z.string(), ID: z.string() }), ['ID', 'id'], ['x', 'y']).json).toBe('{"ID":"x","id":"y"}');
});
