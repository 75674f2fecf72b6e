import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  type DeclaredField,
  declaredFields,
  undeclaredField,
} from '../../../../functions/runtime/json/declared-fields.ts';
import { wireSchemaOf } from '../../../../functions/runtime/json/wire-schema.ts';

const fieldsOf = (schema: z.ZodType) => declaredFields(wireSchemaOf(schema, 'test'));
const Node = z.object({
  name: z.string(),
  get next() {
    return Node.nullable();
  },
});

test.each([
  ['an object', z.object({ a: z.string(), b: z.number().optional() }), ['a', 'b']],
  ['a loose object', z.looseObject({ a: z.string() }), ['a']],
  ['an object with a catchall', z.object({ a: z.string() }).catchall(z.number()), ['a']],
  ['a union', z.union([z.object({ a: z.string() }), z.object({ a: z.string(), b: z.string() })]), ['a', 'b']],
  ['an intersection', z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })), ['a', 'b']],
  ['a record of listed names', z.record(z.enum(['a', 'b']), z.number()), ['a', 'b']],
  ['a record of any names', z.record(z.string(), z.number()), []],
  ['an object that contains itself', Node, ['name', 'next']],
  ['an array', z.array(z.object({ a: z.string() })), []],
  ['anything', z.unknown(), undefined],
])('finds the fields that %s declares', (_, schema, fields) => {
  expect(fieldsOf(schema)).toEqual(fields === undefined ? undefined : new Set(fields));
});

test('agrees with the type: a loose schema declares only the fields that it names', () => {
  type Of<S extends z.ZodType> = DeclaredField<z.input<S>>;
  const loose = z.looseObject({ a: z.string(), b: z.number().optional() });
  const either = z.union([z.object({ a: z.string() }), z.looseObject({ b: z.string() })]);
  const open = z.record(z.string(), z.number());
  const names: [Of<typeof loose>, Of<typeof loose>, Of<typeof either>, Of<typeof either>] = ['a', 'b', 'a', 'b'];
  // @ts-expect-error a loose schema does not declare it
  const extra: Of<typeof loose> = 'c';
  // @ts-expect-error a record declares no field
  const any: Of<typeof open> = 'a';
  expect([...names, extra, any]).toEqual(['a', 'b', 'a', 'b', 'c', 'a']);
});

test('an error lists at most 20 fields', () => {
  const many = new Set(Array.from({ length: 22 }, (_, index) => `f${index}`));
  expect(undeclaredField('key', 'f1', many)).toBeUndefined();
  expect(undeclaredField('key', 'f22', many)).toMatch(/^key is 'f22', .* use one of 'f0', .*'f19', and 2 more, or/);
  expect(undeclaredField('key', 'a', new Set())).toMatch(/the schema names no field: declare it there$/);
});
