import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { duckdbType, ParquetColumn } from '../../../../../functions/sinks/s3/parquet/column-types.ts';
import { parquetColumnsOf } from '../../../../../functions/sinks/s3/parquet/columns.ts';
import { parquetColumnsOfVersions } from '../../../../../functions/sinks/s3/parquet/grown-columns.ts';

const typesOf = (schema: z.ZodType) =>
  Object.fromEntries(
    parquetColumnsOf(schema, { by: 'month', lines: 'event' }).map(({ name, type }) => [name, duckdbType(type)]),
  );

describe('the columns of a Parquet file', () => {
  test('have the types that the schema says', () => {
    const schema = z.object({
      text: z.string(),
      status: z.enum(['PENDING', 'COMPLETE']),
      id: z.uuid(),
      flag: z.boolean().optional(),
      small: z.int32(),
      tiny: z.int().min(0).max(100),
      whole: z.int(),
      number: z.number().nullable(),
      at: z.iso.datetime(),
      day: z.iso.date(),
      tags: z.array(z.string()),
      lines: z.array(z.object({ sku: z.string(), price: z.number().meta({ sql: 'numeric(12, 2)' }) })),
      address: z.object({ city: z.string(), since: z.iso.date().optional() }),
    });
    expect(typesOf(schema)).toEqual({
      text: 'VARCHAR',
      status: 'VARCHAR',
      id: 'VARCHAR',
      flag: 'BOOLEAN',
      small: 'INTEGER',
      tiny: 'INTEGER',
      whole: 'BIGINT',
      number: 'DOUBLE',
      at: 'TIMESTAMP WITH TIME ZONE',
      day: 'DATE',
      tags: 'VARCHAR[]',
      lines: 'STRUCT("sku" VARCHAR, "price" DECIMAL(12, 2))[]',
      address: 'STRUCT("city" VARCHAR, "since" DATE)',
    });
  });

  test('have the types that SQL gives computed columns, and a decimal where the precision is known', () => {
    const schema = z.object({
      total: z.number().meta({ sql: 'numeric(38, 10)' }),
      paid: z.number().nullable().meta({ sql: 'numeric(9)' }),
      sum: z.number().meta({ sql: 'numeric' }),
      count: z.number().meta({ sql: 'bigint' }),
      at: z.string().meta({ sql: 'timestamptz' }),
      local: z.string().meta({ sql: 'timestamp' }),
      day: z.string().meta({ sql: 'date not null' }),
      id: z.string().meta({ sql: 'uuid' }),
    });
    expect(typesOf(schema)).toEqual({
      total: 'DECIMAL(38, 10)',
      paid: 'DECIMAL(9, 0)',
      sum: 'DOUBLE',
      count: 'BIGINT',
      at: 'TIMESTAMP WITH TIME ZONE',
      local: 'TIMESTAMP',
      day: 'DATE',
      id: 'VARCHAR',
    });
  });

  test('hold JSON where values have no type of Parquet in common', () => {
    interface Tree {
      children: Tree[];
    }
    const tree: z.ZodType<Tree> = z.object({ children: z.lazy(() => z.array(tree)) });
    const schema = z.object({
      anything: z.json(),
      either: z.union([z.string(), z.int()]),
      numbers: z.union([z.int(), z.number()]),
      byName: z.record(z.string(), z.number()),
      twins: z.object({ a: z.string(), A: z.string() }),
      tree,
    });
    expect(typesOf(schema)).toEqual({
      anything: 'VARCHAR',
      either: 'VARCHAR',
      numbers: 'DOUBLE',
      byName: 'VARCHAR',
      twins: 'VARCHAR',
      tree: 'STRUCT("children" VARCHAR[])',
    });
  });

  test('are those of all alternatives of a union of objects', () => {
    const schema = z.union([
      z.object({ id: z.string(), n: z.int32() }),
      z.object({ id: z.string(), n: z.int32(), at: z.iso.date() }),
    ]);
    expect(typesOf(schema)).toEqual({ id: 'VARCHAR', n: 'INTEGER', at: 'DATE' });
  });

  test('are one column of JSON when the data is no object', () => {
    expect(parquetColumnsOf(z.string(), { by: 'day', lines: 'event' })).toEqual([
      { name: 'data', type: { kind: 'json' }, isWhole: true },
    ]);
  });

  test.each([
    [{ Name: z.string(), name: z.string() }, /'name': the field 'Name' differs from it in capitals alone/],
    [{ event_type: z.string() }, /'event_type': the sink has a column of this name itself/],
    [{ Year: z.int() }, /'Year': a partition of the sink is called 'year'/],
    [{ n: z.number().meta({ sql: 'numeric(50, 2)' }) }, /n: .* numeric\(50, 2\): use a precision of 1 to 38/],
  ])('are refused where a reader could not tell them apart, or Parquet has no such type (%#)', (shape, message) => {
    expect(() => typesOf(z.object(shape as z.ZodRawShape))).toThrow(message);
  });

  test('may be called as an attribute when the attributes have no columns, and as a finer partition', () => {
    const schema = z.object({ event_type: z.string(), hour: z.int() });
    expect(parquetColumnsOf(schema, { by: 'day', lines: 'data' }).map(({ name }) => name)).toEqual([
      'event_type',
      'hour',
    ]);
  });

  test('travel as JSON', () => {
    const columns = parquetColumnsOf(z.object({ a: z.array(z.object({ b: z.iso.date() })) }), {
      by: 'day',
      lines: 'event',
    });
    expect(columns.map((column) => ParquetColumn.parse(JSON.parse(JSON.stringify(column))))).toEqual(columns);
  });
});

describe('the columns of several versions', () => {
  const grown = (...versions: readonly z.ZodType[]) =>
    Object.fromEntries(
      parquetColumnsOfVersions(versions, { by: 'month', lines: 'data' }).map(({ name, type }) => [
        name,
        duckdbType(type),
      ]),
    );
  const decimal = (sql: string) => z.number().meta({ sql });

  test('are those of the newest, then those that older ones had, each of the widest type', () => {
    const older = z.object({
      gone: z.boolean(),
      n: z.int32(),
      whole: z.int(),
      amount: decimal('numeric(12, 2)'),
      day: z.iso.date(),
      lines: z.array(z.object({ sku: z.string(), count: z.int32() })),
    });
    const newer = z.object({
      n: z.int(),
      whole: z.number(),
      amount: decimal('numeric(10, 4)'),
      day: z.string(),
      lines: z.array(z.object({ sku: z.string(), count: z.number(), note: z.string() })),
      note: z.string(),
    });
    expect(Object.entries(grown(older, newer))).toEqual([
      ['n', 'BIGINT'],
      ['whole', 'DOUBLE'],
      ['amount', 'DECIMAL(14, 4)'],
      ['day', 'VARCHAR'],
      ['lines', 'STRUCT("sku" VARCHAR, "count" DOUBLE, "note" VARCHAR)[]'],
      ['note', 'VARCHAR'],
      ['gone', 'BOOLEAN'],
    ]);
    expect(grown(newer, older)).toEqual(grown(older, newer));
  });

  test('are refused where no column holds the values of all', () => {
    expect(() => grown(z.object({ n: z.int32() }), z.object({ n: z.string() }))).toThrow(
      "field 'n' is INTEGER in one version, and VARCHAR in another, and no column holds both",
    );
    expect(() =>
      grown(z.object({ o: z.object({ a: z.boolean() }) }), z.object({ o: z.object({ a: z.int() }) })),
    ).toThrow("field 'o' is STRUCT");
  });
});
