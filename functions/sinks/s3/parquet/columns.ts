import type { z } from 'zod';
import { UserMistake } from '../../../runtime/errors.ts';
import {
  decimalOf,
  type JsonSchema,
  readSchema,
  type SchemaField,
  type SchemaReader,
} from '../../../runtime/json/schema-fields.ts';
import type { S3Options } from '../options.ts';
import { timeColumnsOf } from '../partitions.ts';
import { ATTRIBUTES } from './attributes.ts';
import { MOST_DIGITS, type ParquetColumn, type ParquetType } from './column-types.ts';

/**
 * Derives the columns of an event's data from the wire type of a stream's schema: one column for each field. Data that
 * is no object is one column of JSON, `data`. Throws a `UserMistake` for columns that a reader could not tell apart:
 * names in files, and in folders of Hive partitions, differ by more than capitals.
 */
export function parquetColumnsOf(
  schema: z.ZodType | JsonSchema,
  options: Partial<Pick<S3Options, 'by'>> & Pick<S3Options, 'lines'>,
): readonly ParquetColumn[] {
  const reader = readSchema(schema);
  const fields = [...reader.fieldsOf(reader.root)];
  const columns: readonly ParquetColumn[] =
    fields.length === 0
      ? [{ name: 'data', type: { kind: 'json' }, isWhole: true }]
      : fields.map(([name, field]) => ({ name, type: typeOf(field, { reader, path: name, above: [] }) }));
  refuseTwins(columns, options);
  return columns;
}

function refuseTwins(
  columns: readonly ParquetColumn[],
  { by, lines }: Partial<Pick<S3Options, 'by'>> & Pick<S3Options, 'lines'>,
): void {
  const taken = new Map<string, string>([
    ...(by === undefined ? [] : timeColumnsOf(by)).map(
      (name) => [name, `a partition of the sink is called '${name}'`] as const,
    ),
    ...(lines === 'event' ? ATTRIBUTES : []).map(
      ({ name }) => [name, 'the sink has a column of this name itself'] as const,
    ),
  ]);
  for (const { name } of columns) {
    const other = taken.get(name.toLowerCase());
    if (name === '')
      throw new UserMistake("a file of Parquet cannot name a column '': rename the field in a transform");
    if (other !== undefined)
      throw new UserMistake(
        `a file of Parquet cannot have a column '${name}': ${other}; rename the field in a transform`,
      );
    taken.set(name.toLowerCase(), `the field '${name}' differs from it in capitals alone`);
  }
}

/** Where a field is in the schema. */
interface At {
  readonly reader: SchemaReader;
  /** For messages: `lines.price`. */
  readonly path: string;
  /** The schemas around it: one that contains itself ends as JSON. */
  readonly above: readonly JsonSchema[];
}

const JSON_TEXT: ParquetType = { kind: 'json' };

/** Returns the type that all alternatives have in common; JSON when they have none. */
function typeOf({ alternatives, sql }: Omit<SchemaField, 'optional' | 'nullable'>, at: At): ParquetType {
  const types = alternatives.map((each) => typeOfOne(sql === undefined ? each : { ...each, sql }, at));
  const [first = JSON_TEXT, ...others] = types;
  if (others.every((other) => JSON.stringify(other) === JSON.stringify(first))) return first;
  return types.every(({ kind }) => NUMBERS.has(kind)) ? { kind: 'double' } : JSON_TEXT;
}

const NUMBERS = new Set<ParquetType['kind']>(['integer', 'bigint', 'double']);

function typeOfOne(schema: JsonSchema, at: At): ParquetType {
  const declared = declaredType(schema, at);
  if (declared !== undefined) return declared;
  switch (schema.type) {
    case 'string':
      return { kind: TEXT_FORMATS[schema.format ?? ''] ?? 'text' };
    case 'integer':
      return { kind: isInt32(schema) ? 'integer' : 'bigint' };
    case 'number':
      return { kind: 'double' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'array':
      return listOf(schema, at);
    case 'object':
      return objectOf(schema, at);
    default:
      return typeof schema.const === 'string' ? { kind: 'text' } : JSON_TEXT;
  }
}

/** Reads what `.meta({ sql })` says. Undefined for types that JSON has itself. */
function declaredType({ sql }: JsonSchema, { path }: At): ParquetType | undefined {
  const decimal = decimalOf(sql);
  if (decimal === undefined)
    return SQL_TYPES[
      String(sql)
        .replace(/ not null$/i, '')
        .toLowerCase()
    ];
  const { precision, scale } = decimal;
  if (precision < 1 || precision > MOST_DIGITS || scale > precision)
    throw new UserMistake(
      `${path}: a column of Parquet cannot be numeric(${precision}, ${scale}): use a precision of 1 to ${MOST_DIGITS}, and a scale from 0 to the precision`,
    );
  return { kind: 'decimal', precision, scale };
}

const SQL_TYPES: Readonly<Record<string, ParquetType>> = {
  date: { kind: 'date' },
  timestamp: { kind: 'timestamp' },
  timestamptz: { kind: 'timestamptz' },
  bigint: { kind: 'bigint' },
  // Without a precision, nobody knows how many digits there are.
  numeric: { kind: 'double' },
};

const TEXT_FORMATS: Readonly<Record<string, 'date' | 'timestamptz'>> = { 'date-time': 'timestamptz', date: 'date' };

function isInt32({ minimum = -Infinity, maximum = Infinity }: JsonSchema): boolean {
  return minimum >= -(2 ** 31) && maximum <= 2 ** 31 - 1;
}

function listOf(schema: JsonSchema, at: At): ParquetType {
  const { items } = schema;
  if (items === undefined || typeof items === 'boolean' || Array.isArray(items) || at.above.includes(schema))
    return JSON_TEXT;
  const { reader, path, above } = at;
  return {
    kind: 'list',
    element: typeOf(reader.valuesOf(items as JsonSchema), { reader, path: `${path}[]`, above: [...above, schema] }),
  };
}

function objectOf(schema: JsonSchema, { reader, path, above }: At): ParquetType {
  const fields = [...reader.fieldsOf(schema)];
  const names = new Set(fields.map(([name]) => name.toLowerCase()));
  // A record with keys of any name has no fields, and two fields of a struct differ by more than capitals.
  if (fields.length === 0 || names.size < fields.length || names.has('') || above.includes(schema)) return JSON_TEXT;
  return {
    kind: 'struct',
    fields: fields.map(([name, field]) => ({
      name,
      type: typeOf(field, { reader, path: `${path}.${name}`, above: [...above, schema] }),
    })),
  };
}
