import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { columnsOf } from '../../../../functions/sinks/postgres/columns.ts';

const Node = z.object({
  name: z.string(),
  get children() {
    return z.array(Node);
  },
});

describe('the column for a field', () => {
  test.each<[string, z.ZodType, string]>([
    ['a text', z.string(), 'text not null'],
    ['an e-mail address', z.email(), 'text not null'],
    ['one of some texts', z.enum(['PENDING', 'COMPLETE']), 'text not null'],
    ['a fixed text', z.literal('order'), 'text not null'],
    ['a text or null among literals', z.literal(['a', null]), 'text null'],
    ['a time with a zone', z.iso.datetime({ offset: true }), 'timestamptz not null'],
    ['a time that may have no zone', z.iso.datetime({ local: true }), 'text not null'],
    ['a date', z.iso.date(), 'date not null'],
    ['a UUID', z.uuid(), 'uuid not null'],
    ['a date that SQL computed', z.string().meta({ sql: 'date' }), 'date not null'],
    ['a time that SQL computed, or null', z.string().meta({ sql: 'timestamptz' }).nullable(), 'timestamptz null'],
    ['a time without a zone that SQL computed', z.string().meta({ sql: 'timestamp' }), 'timestamp not null'],
    ['an integer that SQL computed', z.number().meta({ sql: 'bigint' }), 'bigint not null'],
    ['an exact number that SQL computed', z.number().meta({ sql: 'numeric' }), 'numeric not null'],
    ['an exact number, or null', z.number().meta({ sql: 'numeric' }).nullable(), 'numeric null'],
    ['what should be a number', z.unknown().optional().meta({ sql: 'numeric not null' }), 'jsonb null'],
    ['an integer', z.int(), 'bigint not null'],
    ['an integer of 32 bits', z.int32(), 'integer not null'],
    ['an unsigned integer of 32 bits', z.uint32(), 'bigint not null'],
    ['a number', z.number(), 'double precision not null'],
    ['a boolean', z.boolean(), 'boolean not null'],
    ['an object', z.object({ city: z.string() }), 'jsonb not null'],
    ['a record', z.record(z.string(), z.number()), 'jsonb not null'],
    ['an array', z.array(z.string()), 'jsonb not null'],
    ['a text or a number', z.union([z.string(), z.number()]), 'jsonb not null'],
    ['a number or a text among literals', z.literal([1, 'one']), 'jsonb not null'],
    ['anything', z.unknown(), 'jsonb null'],
    ['an optional text', z.string().optional(), 'text null'],
    ['a number or null', z.number().nullable(), 'double precision null'],
    ['a date or null', z.union([z.iso.date(), z.null()]), 'date null'],
    ['a text with a default, which need not travel', z.string().default('none'), 'text null'],
    ['a text that becomes a number, by what travels', z.string().transform(Number), 'text not null'],
    ['an object that holds its own kind', Node, 'jsonb not null'],
  ])('of %s', (_, schema, expected) => {
    const [column] = columnsOf(z.object({ field: schema }));
    expect(`${column?.type} ${column?.nullable ? 'null' : 'not null'}`).toBe(expected);
  });
});

describe('the columns of a schema', () => {
  test('come in the order of its fields', () => {
    expect(columnsOf(z.object({ b: z.string(), a: z.string(), c: z.string() })).map(({ name }) => name)).toEqual([
      'b',
      'a',
      'c',
    ]);
  });

  test('of a union are all fields of its alternatives; a field that is not in all may be null', () => {
    const schema = z.discriminatedUnion('type', [
      z.object({ type: z.literal('add'), item: z.string(), count: z.int() }),
      z.object({ type: z.literal('remove'), item: z.string() }),
      z.object({ type: z.literal('clear'), item: z.null() }),
    ]);
    expect(columnsOf(schema)).toEqual([
      { name: 'type', type: 'text', nullable: false },
      { name: 'item', type: 'text', nullable: true },
      { name: 'count', type: 'bigint', nullable: true },
    ]);
  });

  test('of an intersection are the fields of both', () => {
    expect(columnsOf(z.intersection(z.object({ a: z.string() }), z.object({ b: z.int() })))).toEqual([
      { name: 'a', type: 'text', nullable: false },
      { name: 'b', type: 'bigint', nullable: false },
    ]);
  });

  test('of a schema that refers to itself are its fields', () => {
    expect(columnsOf(Node)).toEqual([
      { name: 'name', type: 'text', nullable: false },
      { name: 'children', type: 'jsonb', nullable: false },
    ]);
  });

  test('cannot have a name that Postgres would cut, which counts bytes', () => {
    const named = (name: string) => columnsOf(z.object({ [name]: z.string() }));
    expect(named('é'.repeat(31))).toHaveLength(1);
    expect(() => named('é'.repeat(32))).toThrow(`create cannot name a column '${'é'.repeat(32)}': a name has 1 to 63`);
  });

  test('are at most as many as the temporary tables can hold', () => {
    const wide = (count: number) =>
      columnsOf(z.object(Object.fromEntries(Array.from({ length: count }, (_, n) => [`c${n}`, z.string()]))));
    expect(wide(1_599)).toHaveLength(1_599);
    expect(() => wide(1_600)).toThrow('the schema has 1600: a table has at most 1599 here');
  });

  test.each([
    ['a text', z.string()],
    ['anything', z.unknown()],
    ['an array', z.array(z.object({ a: z.string() }))],
    ['a record', z.record(z.string(), z.string())],
  ])('cannot be derived from %s', (_, schema) => {
    expect(() => columnsOf(schema)).toThrow('create needs a schema with known fields');
  });
});
