import { UserMistake } from '../../../runtime/errors.ts';
import { type ParquetColumn, type ParquetType, quotedName } from '../../s3/parquet/column-types.ts';
import type { IcebergField, IcebergType, StructType } from '../catalog/table-metadata.ts';

/** How our columns lie in a table. */
export interface Fit {
  /** The columns of the events' data, with the types that the table has for them. */
  readonly columns: readonly ParquetColumn[];
  /** The numbers of all columns, as DuckDB takes them. */
  readonly fieldIds: string;
  /** The schema that the table needs first: with a column more, or with wider types. Undefined: it has it. */
  readonly needs: { readonly fields: readonly IcebergField[]; readonly lastColumnId: number } | undefined;
}

/**
 * Finds the columns of a stream in a table by their names. Columns that the table has beside them stay empty. Throws a
 * `UserMistake` for a column whose values the table's type cannot hold.
 */
export function fitColumns(
  columns: { readonly attributes: readonly ParquetColumn[]; readonly data: readonly ParquetColumn[] },
  {
    schema,
    lastColumnId,
  }: { readonly schema: { readonly fields: readonly IcebergField[] }; readonly lastColumnId: number },
): Fit {
  const growth: Growth = { lastId: lastColumnId, isWider: false };
  const all = [...columns.attributes, ...columns.data];
  const fields = fitFields(all, schema.fields, { growth, above: '' });
  const written = all.map((column) => ({ ...column, type: writtenType(column.type, typeIn(fields, column.name)) }));
  return {
    columns: written.slice(columns.attributes.length),
    fieldIds: idsOf(all, fields),
    needs: growth.isWider ? { fields, lastColumnId: growth.lastId } : undefined,
  };
}

/** Returns the schema of a new table. The catalogue may number its fields otherwise. */
export function newSchema(columns: readonly ParquetColumn[]): { readonly fields: readonly IcebergField[] } {
  return { fields: fitFields(columns, [], { growth: { lastId: 0, isWider: false }, above: '' }) };
}

/** What a table gets. */
interface Growth {
  lastId: number;
  isWider: boolean;
}

interface Where {
  readonly growth: Growth;
  /** The names around the fields, for messages. */
  readonly above: string;
}

function fitFields(
  columns: readonly ParquetColumn[],
  fields: readonly IcebergField[],
  where: Where,
): readonly IcebergField[] {
  const { growth, above } = where;
  const known = new Map(fields.map((field) => [field.name, field]));
  const ours = new Set(columns.map(({ name }) => name));
  for (const { name, required } of fields)
    if (required && !ours.has(name))
      throw new UserMistake(
        `the table requires a value in column '${above}${name}', and no event has one: make the column optional`,
      );
  const fitted = fields.map((field) => {
    const column = columns.find(({ name }) => name === field.name);
    if (column === undefined) return field;
    if (field.required)
      throw new UserMistake(
        `the table requires a value in column '${above}${field.name}', and an event may have none: make the column optional`,
      );
    return { ...field, type: fitType(column.type, field.type, { growth, above: `${above}${field.name}` }) };
  });
  const added = columns.filter(({ name }) => !known.has(name)).map(({ name, type }) => addField(name, type, where));
  return [...fitted, ...added];
}

function addField(name: string, type: ParquetType, { growth, above }: Where): IcebergField {
  growth.isWider = true;
  const id = ++growth.lastId;
  return { id, name, required: false, type: newType(type, { growth, above: `${above}${name}` }) };
}

function newType(type: ParquetType, where: Where): IcebergType {
  switch (type.kind) {
    case 'list': {
      const id = ++where.growth.lastId;
      return {
        type: 'list',
        'element-id': id,
        element: newType(type.element, where),
        'element-required': false,
      };
    }
    case 'struct':
      return {
        type: 'struct',
        fields: type.fields.map((field) => addField(field.name, field.type, { ...where, above: `${where.above}.` })),
      };
    case 'decimal':
      return `decimal(${type.precision}, ${type.scale})`;
    default:
      return SCALARS[type.kind];
  }
}

const SCALARS = {
  text: 'string',
  json: 'string',
  boolean: 'boolean',
  integer: 'int',
  bigint: 'long',
  double: 'double',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
} as const;

/** Returns the type that the table needs, to hold values of ours: its own, or a wider one that Iceberg allows. */
function fitType(type: ParquetType, has: IcebergType, where: Where): IcebergType {
  if (type.kind === 'list' && typeof has === 'object' && has.type === 'list')
    return { ...has, element: fitType(type.element, has.element, { ...where, above: `${where.above}[]` }) };
  if (type.kind === 'struct' && typeof has === 'object' && has.type === 'struct')
    return { ...has, fields: fitFields(type.fields, has.fields, { ...where, above: `${where.above}.` }) };
  if (typeof has === 'string' && type.kind !== 'list' && type.kind !== 'struct') {
    const fitted = fitScalar(type, has);
    if (fitted !== undefined) {
      if (fitted !== has) where.growth.isWider = true;
      return fitted;
    }
  }
  const named = typeof has === 'string' ? has : has.type;
  throw new UserMistake(
    `column '${where.above}' of the table has the type ${named}, and the stream's schema makes it ${described(type)}: write to another table, or rename the field in a transform`,
  );
}

/** The types of a table that hold all values of ours beside the same type. */
const ALSO_HOLD: Readonly<Record<string, readonly string[]>> = { int: ['long', 'double'] };

/** The types of a table that Iceberg may widen to ours. */
const MAY_BECOME: Readonly<Record<string, string>> = { long: 'int', double: 'float' };

function fitScalar(type: Exclude<ParquetType, { kind: 'list' | 'struct' }>, has: string): string | undefined {
  if (type.kind === 'decimal') {
    const stored = decimalIn(has);
    if (stored === undefined || stored.scale !== type.scale) return undefined;
    return stored.precision >= type.precision ? has : `decimal(${type.precision}, ${type.scale})`;
  }
  const ours = SCALARS[type.kind];
  if (ours === has || ALSO_HOLD[ours]?.includes(has)) return has;
  return MAY_BECOME[ours] === has ? ours : undefined;
}

function decimalIn(text: string): { readonly precision: number; readonly scale: number } | undefined {
  const [, precision, scale] = /^decimal\((\d+),\s*(\d+)\)$/.exec(text) ?? [];
  return precision === undefined ? undefined : { precision: Number(precision), scale: Number(scale) };
}

/** Returns the type that values are written with, to lie in a column of the table. */
function writtenType(type: ParquetType, has: IcebergType): ParquetType {
  if (type.kind === 'list' && typeof has === 'object' && has.type === 'list')
    return { kind: 'list', element: writtenType(type.element, has.element) };
  if (type.kind === 'struct' && typeof has === 'object' && has.type === 'struct') {
    const { fields } = has;
    return {
      kind: 'struct',
      fields: type.fields.map((field) => ({ ...field, type: writtenType(field.type, typeIn(fields, field.name)) })),
    };
  }
  if (type.kind === 'decimal' && typeof has === 'string') return { kind: 'decimal', ...(decimalIn(has) ?? type) };
  if (type.kind === 'integer' && has === 'long') return { kind: 'bigint' };
  if (type.kind === 'integer' && has === 'double') return { kind: 'double' };
  return type;
}

function typeIn(fields: readonly IcebergField[], name: string): IcebergType {
  return fieldIn(fields, name).type;
}

function fieldIn(fields: readonly IcebergField[], name: string): IcebergField {
  const field = fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`the table has no field '${name}'`);
  return field;
}

function described(type: ParquetType): string {
  return type.kind === 'list' || type.kind === 'struct' ? type.kind : (newType(type, NOWHERE) as string);
}

const NOWHERE: Where = { growth: { lastId: 0, isWider: false }, above: '' };

/** Writes the numbers of fields for DuckDB's `FIELD_IDS`. */
function idsOf(columns: readonly ParquetColumn[], fields: readonly IcebergField[]): string {
  return `{${columns.map(({ name, type }) => `${quotedName(name)}: ${idOf(type, fieldIn(fields, name))}`).join(', ')}}`;
}

function idOf(type: ParquetType, field: IcebergField): string {
  const inner = innerIds(type, field.type);
  return inner === undefined ? String(field.id) : `{__duckdb_field_id: ${field.id}, ${inner}}`;
}

function innerIds(type: ParquetType, has: IcebergType): string | undefined {
  if (type.kind === 'list' && typeof has === 'object' && has.type === 'list') {
    const inner = innerIds(type.element, has.element);
    const id = has['element-id'];
    return `element: ${inner === undefined ? id : `{__duckdb_field_id: ${id}, ${inner}}`}`;
  }
  if (type.kind !== 'struct') return undefined;
  return idsOf(type.fields, (has as StructType).fields).slice(1, -1);
}
