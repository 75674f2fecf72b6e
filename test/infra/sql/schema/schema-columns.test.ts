import { expect, test } from 'vitest';
import { z } from 'zod';
import { typeName } from '../../../../infra/sql/plan/sql-type.ts';
import { columnsOfSchema } from '../../../../infra/sql/schema/schema-columns.ts';

test.each([
  ['text', z.string()],
  ['text', z.enum(['a', 'b'])],
  ['text', z.literal('a')],
  ['text', z.string().min(3).regex(/a/)],
  ['text', z.string().transform(Number)],
  ['uuid', z.uuid()],
  ['date', z.iso.date()],
  ['timestamptz', z.iso.datetime()],
  ['timestamp', z.string().meta({ sql: 'timestamp' })],
  ['numeric', z.number()],
  ['numeric', z.number().positive()],
  ['bigint', z.int()],
  ['integer', z.int32()],
  ['double precision', z.float64()],
  ['bigint', z.number().meta({ sql: 'bigint' })],
  ['boolean', z.boolean()],
  ['text[]', z.array(z.string())],
  ['numeric[]', z.array(z.number().nullable())],
  ['record', z.object({ city: z.string() })],
  ['record[]', z.array(z.object({ sku: z.string() }))],
  ['jsonb', z.array(z.array(z.number()))],
  ['jsonb', z.record(z.string(), z.number())],
  ['jsonb', z.union([z.string(), z.number()])],
])('a column is %s as its zod schema says', (type, schema) => {
  const columns = columnsOfSchema(z.object({ x: schema }));
  expect(columns?.map((column) => [typeName(column.type), column.nullable])).toEqual([
    [type, type === 'jsonb' && schema instanceof z.ZodUnion],
  ]);
});

test.each([
  ['nullable', z.string().nullable()],
  ['optional', z.string().optional()],
  ['nullish', z.string().nullish()],
  ['with a default', z.string().default('a')],
  ['unknown', z.unknown()],
  ['any JSON', z.json()],
])('a column that is %s may be null', (_, schema) => {
  expect(columnsOfSchema(z.object({ x: schema }))?.[0]?.nullable).toBe(true);
});

test('a column whose type is said with not null is never null, whatever else may travel', () => {
  const columns = columnsOfSchema(z.object({ x: z.unknown().optional().meta({ sql: 'numeric not null' }) }));
  expect(columns).toMatchObject([{ type: { name: 'numeric' }, nullable: false }]);
});

test('a schema that is not an object has no columns', () => {
  expect(columnsOfSchema(z.string())).toBeUndefined();
});
