import { expect, test } from 'vitest';
import { z } from 'zod';
import { searchFieldsOf } from '../../../../functions/sinks/opensearch/fields.ts';
import { mappingOf, misfitOf } from '../../../../functions/sinks/opensearch/mapping.ts';

const Order = z.object({
  id: z.string(),
  total: z.number(),
  price: z.string().meta({ sql: 'numeric(12, 2)' }),
  count: z.int().nullable(),
  paid: z.boolean(),
  at: z.iso.datetime(),
  day: z.iso.date().optional(),
  tags: z.array(z.string()),
  lines: z.array(z.object({ sku: z.string(), amount: z.int() })),
  notes: z.record(z.string(), z.string()),
  either: z.union([z.string(), z.number()]),
  state: z.enum(['open', 'closed']),
  'a.b': z.string(),
});

test('each field of a schema is a field of the index by its type, and lists are fields with several values', () => {
  const text = { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } };
  const json = { type: 'object', enabled: false };
  expect(mappingOf(searchFieldsOf(Order))).toMatchObject({
    dynamic: false,
    properties: {
      id: text,
      total: { type: 'double' },
      price: { type: 'double' },
      count: { type: 'long' },
      paid: { type: 'boolean' },
      at: { type: 'date' },
      day: { type: 'date' },
      tags: text,
      lines: { type: 'object', dynamic: false, properties: { sku: text, amount: { type: 'long' } } },
      notes: json,
      either: json,
      state: text,
      millrace_deleted: { type: 'boolean' },
    },
  });
  expect(mappingOf(searchFieldsOf(Order))).not.toMatchObject({ properties: { 'a.b': {} } });
});

test('a schema that contains itself ends as JSON', () => {
  const Node = z.object({
    name: z.string(),
    get children() {
      return z.array(Node);
    },
  });
  expect(searchFieldsOf(Node)).toEqual([
    { name: 'name', type: { kind: 'text' } },
    { name: 'children', type: { kind: 'json' } },
  ]);
});

const fits = (schema: z.ZodType, properties: object) =>
  misfitOf(searchFieldsOf(schema), { properties: properties as Record<string, { type?: string }> });

test('an index fits that was made for the schema, or has types that take its values', () => {
  expect(misfitOf(searchFieldsOf(Order), mappingOf(searchFieldsOf(Order)))).toBeUndefined();
  expect(fits(Order, { id: { type: 'keyword' }, total: { type: 'scaled_float' }, at: { type: 'date_nanos' } })).toBe(
    undefined,
  );
  expect(fits(Order, { count: { type: 'double' }, paid: { type: 'keyword' }, lines: { type: 'nested' } })).toBe(
    undefined,
  );
});

test.each([
  { field: 'id', type: 'long', has: 'a text' },
  { field: 'total', type: 'long', has: 'a number' },
  { field: 'count', type: 'boolean', has: 'a whole number' },
  { field: 'paid', type: 'integer', has: 'a boolean' },
  { field: 'at', type: 'ip', has: 'a time' },
  { field: 'lines', type: 'text', has: 'an object' },
])('an index whose $field is $type does not fit a schema that has $has there', ({ field, type, has }) => {
  expect(fits(Order, { [field]: { type } })).toBe(
    `has the field ${field} as ${type}, and the stream's schema has ${has} there`,
  );
});

test('a field in an object is named with its path', () => {
  expect(fits(Order, { lines: { properties: { amount: { type: 'boolean' } } } })).toMatch(
    /^has the field lines\.amount as boolean/,
  );
});
