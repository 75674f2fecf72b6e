import { expect, test } from 'vitest';
import type { IcebergField, IcebergType } from '../../../../functions/sinks/iceberg/catalog/table-metadata.ts';
import { fitColumns, newSchema } from '../../../../functions/sinks/iceberg/table/columns.ts';
import type { ParquetColumn, ParquetType } from '../../../../functions/sinks/s3/parquet/column-types.ts';

const field = (id: number, name: string, type: IcebergType): IcebergField => ({ id, name, required: false, type });
const required = (id: number, name: string, type: IcebergType): IcebergField => ({ id, name, required: true, type });
const fitting = (data: readonly ParquetColumn[], fields: readonly IcebergField[]) =>
  fitColumns({ attributes: [], data }, { schema: { fields }, lastColumnId: 100 });
const fittingOne = (type: ParquetType, has: IcebergType) => fitting([{ name: 'a', type }], [field(7, 'a', has)]);

test('a new table has a column for each of ours, and every level has a number of its own', () => {
  const { fields } = newSchema([
    { name: 'id', type: { kind: 'text' } },
    {
      name: 'lines',
      type: { kind: 'list', element: { kind: 'struct', fields: [{ name: 'n', type: { kind: 'integer' } }] } },
    },
    { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 } },
  ]);
  expect(fields).toEqual([
    field(1, 'id', 'string'),
    field(2, 'lines', {
      type: 'list',
      'element-id': 3,
      element: { type: 'struct', fields: [field(4, 'n', 'int')] },
      'element-required': false,
    }),
    field(5, 'price', 'decimal(10, 2)'),
  ]);
});

test('columns are found by name, and written under the numbers of the table', () => {
  const columns: ParquetColumn[] = [
    { name: 'b', type: { kind: 'text' } },
    { name: 'a', type: { kind: 'struct', fields: [{ name: 'x', type: { kind: 'bigint' } }] } },
  ];
  const fields = [
    field(4, 'other', 'date'),
    field(9, 'a', { type: 'struct', fields: [field(12, 'x', 'long')] }),
    field(2, 'b', 'string'),
  ];
  expect(fitting(columns, fields)).toEqual({
    columns,
    fieldIds: '{"b": 2, "a": {__duckdb_field_id: 9, "x": 12}}',
    needs: undefined,
  });
});

test.each<[ours: ParquetType, table: string, written: ParquetType['kind']]>([
  [{ kind: 'integer' }, 'long', 'bigint'],
  [{ kind: 'integer' }, 'double', 'double'],
  [{ kind: 'integer' }, 'int', 'integer'],
  [{ kind: 'json' }, 'string', 'json'],
  [{ kind: 'timestamptz' }, 'timestamptz', 'timestamptz'],
])('values of %o are written into a column of %s as %s', (ours, table, written) => {
  const { columns, needs } = fittingOne(ours, table);
  expect(columns[0]?.type.kind).toBe(written);
  expect(needs).toBeUndefined();
});

test('a decimal takes the digits of the table', () => {
  expect(fittingOne({ kind: 'decimal', precision: 10, scale: 2 }, 'decimal(20, 2)').columns[0]?.type).toEqual({
    kind: 'decimal',
    precision: 20,
    scale: 2,
  });
});

test.each<[ours: ParquetType, table: string, wider: string]>([
  [{ kind: 'bigint' }, 'int', 'long'],
  [{ kind: 'double' }, 'float', 'double'],
  [{ kind: 'decimal', precision: 20, scale: 2 }, 'decimal(10, 2)', 'decimal(20, 2)'],
])('values of %o need the column of %s to become %s', (ours, table, wider) => {
  expect(fittingOne(ours, table).needs).toEqual({ fields: [field(7, 'a', wider)], lastColumnId: 100 });
});

test('a column that is missing gets the next number, also in a list of structs', () => {
  const element = (names: readonly string[]): ParquetType => ({
    kind: 'struct',
    fields: names.map((name) => ({ name, type: { kind: 'text' } })),
  });
  const has: IcebergType = {
    type: 'list',
    'element-id': 8,
    element: { type: 'struct', fields: [field(9, 'x', 'string')] },
    'element-required': false,
  };
  const { needs } = fitting(
    [{ name: 'a', type: { kind: 'list', element: element(['x', 'y']) } }],
    [field(7, 'a', has)],
  );
  expect(needs?.lastColumnId).toBe(101);
  expect(JSON.stringify(needs?.fields)).toContain('{"id":101,"name":"y","required":false,"type":"string"}');
});

test.each<[ours: ParquetType, table: IcebergType, why: string]>([
  [{ kind: 'text' }, 'int', "column 'a' of the table has the type int, and the stream's schema makes it string"],
  [{ kind: 'bigint' }, 'double', 'has the type double'],
  [{ kind: 'decimal', precision: 10, scale: 2 }, 'decimal(10, 3)', 'has the type decimal(10, 3)'],
  [{ kind: 'timestamp' }, 'timestamptz', 'has the type timestamptz'],
  [{ kind: 'text' }, { type: 'map' }, 'has the type map'],
])('a column for %o that is %o is refused, with both types', (ours, table, why) => {
  expect(() => fittingOne(ours, table)).toThrow(why);
});

test.each([
  { fields: [required(1, 'a', 'string')], why: "a value in column 'a', and an event may have none" },
  { fields: [required(1, 'b', 'string')], why: "a value in column 'b', and no event has one" },
])('a column that has to have a value is refused: $why', ({ fields, why }) => {
  expect(() => fitting([{ name: 'a', type: { kind: 'text' } }], fields)).toThrow(why);
});
