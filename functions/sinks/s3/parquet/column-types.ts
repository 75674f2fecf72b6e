import { z } from 'zod';

/** A column of a Parquet file, or a field of a struct in one. Plain data: it travels in the function's bundle. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: ParquetType;
  /** Set for the one column of data that is no object: it holds all of the data. */
  readonly isWhole?: true;
}

export type ParquetType = ScalarType | ListType | StructType;

/** `json`: the JSON of a value, as it came, in a column of text. */
export type ScalarType = { readonly kind: SimpleKind } | DecimalType;

type SimpleKind = (typeof SIMPLE_KINDS)[number];

export interface DecimalType {
  readonly kind: 'decimal';
  readonly precision: number;
  readonly scale: number;
}

export interface ListType {
  readonly kind: 'list';
  readonly element: ParquetType;
}

export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly ParquetColumn[];
}

const SIMPLE_KINDS = [
  ...(['text', 'json', 'boolean', 'integer', 'bigint'] as const),
  ...(['double', 'date', 'timestamp', 'timestamptz'] as const),
];

/** The most digits of a decimal in Parquet that every reader knows: 16 bytes. */
export const MOST_DIGITS = 38;

const Type: z.ZodType<ParquetType> = z.lazy(() =>
  z.union([
    z.strictObject({ kind: z.enum(SIMPLE_KINDS) }),
    z.strictObject({ kind: z.literal('decimal'), precision: z.int().min(1).max(MOST_DIGITS), scale: z.int().min(0) }),
    z.strictObject({ kind: z.literal('list'), element: Type }),
    z.strictObject({ kind: z.literal('struct'), fields: z.array(ParquetColumn).min(1) }),
  ]),
);

export const ParquetColumn: z.ZodType<ParquetColumn> = z.lazy(() =>
  z.strictObject({ name: z.string().min(1), type: Type, isWhole: z.literal(true).exactOptional() }),
);

/** Writes a type as DuckDB names it. */
export function duckdbType(type: ParquetType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'list':
      return `${duckdbType(type.element)}[]`;
    case 'struct':
      return structOf(type.fields.map((field) => [field.name, duckdbType(field.type)]));
    default:
      return DUCKDB_TYPES[type.kind];
  }
}

export function structOf(fields: readonly (readonly [name: string, type: string])[]): string {
  return `STRUCT(${fields.map(([name, type]) => `${quotedName(name)} ${type}`).join(', ')})`;
}

const DUCKDB_TYPES: Readonly<Record<SimpleKind, string>> = {
  text: 'VARCHAR',
  json: 'VARCHAR',
  boolean: 'BOOLEAN',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
};

/** Quotes a name of SQL. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a text of SQL. */
export function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
