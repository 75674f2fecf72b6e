import { expect, test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../infra/sql/compile.ts';
import { typeName } from '../../../infra/sql/plan/sql-type.ts';
import { inferColumnsOfLines } from '../../../infra/sql/schema/infer-columns.ts';
import { columnsOfSchema } from '../../../infra/sql/schema/schema-columns.ts';

const Order = z.object({ name: z.string() });
const typeOf = async (expression: string): Promise<string> => {
  const plan = await planFor({ file: 'x.sql', text: `SELECT ${expression} AS x FROM orders` }, Order);
  return typeName(plan.outputs[0]!.expression.type);
};

test.each([
  ["'3000000000'::integer", 'value "3000000000" is out of range for type integer'],
  ["1 + '-2147483649'", 'value "-2147483649" is out of range for type integer'],
  ["'9223372036854775808'::bigint", 'value "9223372036854775808" is out of range for type bigint'],
])('the quoted constant %s is outside the range of its type, which is a mistake of the statement', async (sql, why) => {
  await expect(typeOf(sql)).rejects.toThrow(why);
});

test.each([
  ['-2147483648', 'integer'],
  ['-0x80000000', 'integer'],
  ['2147483648', 'bigint'],
  ['-2147483649', 'bigint'],
  ['-9223372036854775808', 'bigint'],
  ['9223372036854775808', 'numeric'],
])('the number %s has the type %s, as in Postgres', async (sql, type) => {
  expect(await typeOf(sql)).toBe(type);
});

test.each(['T', 'yes', 'on', '1'])(
  'a branch behind the constant condition %s is not evaluated, as in Postgres',
  async (word) => {
    expect(await typeOf(`CASE WHEN '${word}'::boolean THEN 1 ELSE 1 / 0 END`)).toBe('integer');
  },
);

test('substring with SIMILAR is refused by its name, and not taken for substring with a length', async () => {
  for (const sql of ["substring(name SIMILAR 'a' ESCAPE '#')", "substring(name, 'a', '#')"])
    await expect(typeOf(sql)).rejects.toThrow('SIMILAR is not supported');
});

test.each([
  ["name SIMILAR TO 'a'", 'SIMILAR TO'],
  ['name IS NORMALIZED', 'IS NORMALIZED'],
  ["1 AT TIME ZONE 'UTC'", 'AT TIME ZONE'],
  ['trim(1)', 'trim(integer)'],
  ["1 LIKE 'a'", 'integer LIKE unknown'],
  ['name IS JSON', 'SQL/JSON'],
  ['name::char(3)', 'type char'],
])('the message about %s uses the name that people write', async (sql, name) => {
  await expect(typeOf(sql)).rejects.toThrow(name);
});

test.each([2, 3, 4])('a list of lists is jsonb at %i levels, in a schema and in a file', (levels) => {
  let schema: z.ZodType = z.int32();
  for (let level = 0; level < levels; level += 1) schema = z.array(schema);
  const [declared] = columnsOfSchema(z.object({ lists: schema })) ?? [];
  expect(typeName(declared!.type)).toBe('jsonb');
  const line = `{"lists":${'['.repeat(levels)}1${']'.repeat(levels)}}`;
  expect(typeName(inferColumnsOfLines(Buffer.from(line)).columns[0]!.type)).toBe('jsonb');
});
