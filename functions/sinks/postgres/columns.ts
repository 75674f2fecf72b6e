import { z } from 'zod';
import { UserMistake } from '../../runtime/errors.ts';
import { decimalOf, type JsonSchema, readSchema, type SchemaField } from '../../runtime/json/schema-fields.ts';
import { isName, NAME_RULE } from './names.ts';

/** A column of a table that the sink creates from a stream's schema. */
export const Column = z.strictObject({
  name: z.string().refine(isName, NAME_RULE),
  /** A type of Postgres, such as `timestamptz`. */
  type: z.string().regex(/^[a-z][a-z0-9_ ()[\],]*$/i, 'is not the name of a Postgres type'),
  nullable: z.boolean(),
});

export type Column = z.infer<typeof Column>;

/**
 * Derives a table's columns from a schema's wire type: one column for each field. Objects, arrays and values of several
 * types become `jsonb`. Throws a `UserMistake` for a schema whose data is not an object with known fields. A deployed
 * table step refuses to go on with other columns than it was made with, so the same schema gives the same columns for
 * ever.
 */
export function columnsOf(schema: z.ZodType | JsonSchema): readonly Column[] {
  const { root, fieldsOf } = readSchema(schema);
  const fields = fieldsOf(root);
  if (fields.size === 0)
    throw new UserMistake('create needs a schema with known fields: declare the stream with z.object({ … })');
  for (const name of fields.keys()) {
    if (!isName(name))
      throw new UserMistake(`create cannot name a column '${name}': ${NAME_RULE}; rename the field in a transform`);
  }
  if (fields.size > MOST_COLUMNS)
    throw new UserMistake(
      `create makes a column of each field, and the schema has ${fields.size}: a table has at most ${MOST_COLUMNS} here; move fields into an object, which is one column of jsonb`,
    );
  return [...fields].map(([name, field]) => ({
    name,
    type: typeOf(field),
    nullable: field.optional || field.nullable,
  }));
}

/** Postgres allows 1,600 columns, and the sink's temporary tables have one more than the table. */
export const MOST_COLUMNS = 1_599;

/** The type that all alternatives share, or `jsonb`. */
function typeOf({ alternatives }: SchemaField): string {
  const [first, ...others] = new Set(alternatives.map(scalarType));
  return first !== undefined && others.length === 0 ? first : 'jsonb';
}

function scalarType(schema: JsonSchema): string {
  switch (schema.type) {
    case 'string':
      return sqlTypeOf(schema) ?? TEXT_FORMATS[schema.format ?? ''] ?? 'text';
    case 'integer':
      return isInt32(schema) ? 'integer' : 'bigint';
    case 'number':
      return sqlTypeOf(schema) ?? 'double precision';
    case 'boolean':
      return 'boolean';
    default:
      return 'jsonb';
  }
}

function sqlTypeOf({ sql }: JsonSchema): string | undefined {
  const decimal = decimalOf(sql);
  return decimal === undefined ? SQL_TYPES.get(sql) : `numeric(${decimal.precision},${decimal.scale})`;
}

/**
 * The types that a SQL transform gives its computed columns by `.meta({ sql: 'date' })`. In JSON they are texts or
 * numbers.
 */
const SQL_TYPES: ReadonlyMap<unknown, string> = new Map(
  ['date', 'timestamp', 'timestamptz', 'uuid', 'bigint', 'numeric'].map((type) => [type, type]),
);

const TEXT_FORMATS: Readonly<Record<string, string>> = { 'date-time': 'timestamptz', date: 'date', uuid: 'uuid' };

/** JSON Schema keeps of `z.int32()` only its bounds. */
function isInt32({ format, minimum, maximum }: JsonSchema): boolean {
  return format === 'int32' || (minimum === -(2 ** 31) && maximum === 2 ** 31 - 1);
}

/** A field of a schema's wire type, with the types of JSON that it accepts. None: anything. */
export interface FieldTypes {
  readonly name: string;
  readonly accepts: string[];
  readonly isRequired: boolean;
}

/** Finds the fields of a schema, and the types of JSON that each accepts. */
export function fieldTypesOf(schema: z.ZodType): readonly FieldTypes[] {
  const { root, fieldsOf } = readSchema(schema);
  return [...fieldsOf(root)].map(([name, { alternatives, nullable, optional }]) => {
    const types = alternatives.map(jsonType);
    const known = types.filter((type) => type !== undefined);
    const accepts = known.length < types.length ? [] : [...new Set([...known, ...(nullable ? ['null'] : [])])];
    return { name, accepts, isRequired: !optional };
  });
}

function jsonType({ type, const: value }: JsonSchema): string | undefined {
  if (typeof type === 'string') return type;
  if (value === undefined) return undefined;
  return value === null ? 'null' : typeof value;
}
