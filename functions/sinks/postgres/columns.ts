import { z } from 'zod';
import { UserMistake } from '../../runtime/errors.ts';
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
export function columnsOf(schema: z.ZodType): readonly Column[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const fields = fieldsOf(root, root);
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

type JsonSchema = z.core.JSONSchema.JSONSchema;

interface Field {
  /** The schemas of its values other than null. */
  readonly alternatives: readonly JsonSchema[];
  readonly nullable: boolean;
  readonly optional: boolean;
}

/** The fields of an object, or of a union of objects: a field that is not in all alternatives is optional. */
function fieldsOf(schema: JsonSchema, root: JsonSchema): ReadonlyMap<string, Field> {
  const resolved = resolve(schema, root);
  if (resolved.allOf !== undefined) {
    return new Map(resolved.allOf.flatMap((part) => [...fieldsOf(part as JsonSchema, root)]));
  }
  const alternatives = resolved.anyOf ?? resolved.oneOf;
  if (alternatives !== undefined) return union(alternatives.map((each) => fieldsOf(each as JsonSchema, root)));
  const required = new Set(resolved.required ?? []);
  return new Map(
    Object.entries(resolved.properties ?? {}).map(([name, property]) => [
      name,
      fieldOf(property as JsonSchema, root, !required.has(name)),
    ]),
  );
}

function fieldOf(property: JsonSchema, root: JsonSchema, optional: boolean): Field {
  const alternatives = alternativesOf(property, root);
  const notNull = alternatives.filter(({ type }) => type !== 'null');
  const nullable = notNull.length < alternatives.length || notNull.some(isAnything);
  return { alternatives: notNull, nullable, optional };
}

function union(objects: readonly ReadonlyMap<string, Field>[]): ReadonlyMap<string, Field> {
  const names = new Set(objects.flatMap((fields) => [...fields.keys()]));
  return new Map(
    [...names].map((name) => {
      const found = objects.flatMap((fields) => fields.get(name) ?? []);
      return [
        name,
        {
          alternatives: found.flatMap(({ alternatives }) => alternatives),
          nullable: found.some(({ nullable }) => nullable),
          optional: found.length < objects.length || found.some(({ optional }) => optional),
        },
      ];
    }),
  );
}

function alternativesOf(schema: JsonSchema, root: JsonSchema): readonly JsonSchema[] {
  const resolved = resolve(schema, root);
  const alternatives = resolved.anyOf ?? resolved.oneOf;
  if (alternatives !== undefined) return alternatives.flatMap((each) => alternativesOf(each as JsonSchema, root));
  const { type, enum: values } = resolved;
  if (Array.isArray(type)) return type.map((each) => ({ ...resolved, type: each }) as JsonSchema);
  if (type === undefined && values !== undefined)
    return values.map((value) => ({ type: typeOfValue(value) }) as JsonSchema);
  return [resolved];
}

function typeOfValue(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { $ref } = schema;
  if ($ref === undefined) return schema;
  if ($ref === '#') return root;
  const target = root.$defs?.[$ref.replace('#/$defs/', '')];
  if (target === undefined)
    throw new UserMistake(`the schema refers to '${$ref}', which is not in its $defs: inline that part of the schema`);
  return resolve(target as JsonSchema, root);
}

function isAnything(schema: JsonSchema): boolean {
  return schema.type === undefined && schema.enum === undefined && schema.const === undefined;
}

/** The type that all alternatives share, or `jsonb`. */
function typeOf({ alternatives }: Field): string {
  const [first, ...others] = new Set(alternatives.map(scalarType));
  return first !== undefined && others.length === 0 ? first : 'jsonb';
}

function scalarType(schema: JsonSchema): string {
  switch (schema.type) {
    case 'string':
      return SQL_TYPES.get(schema.sql) ?? TEXT_FORMATS[schema.format ?? ''] ?? 'text';
    case 'integer':
      return isInt32(schema) ? 'integer' : 'bigint';
    case 'number':
      return SQL_TYPES.get(schema.sql) ?? 'double precision';
    case 'boolean':
      return 'boolean';
    default:
      return 'jsonb';
  }
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
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return [...fieldsOf(root, root)].map(([name, { alternatives, nullable, optional }]) => {
    const types = alternatives.map(jsonType);
    const known = types.filter((type) => type !== undefined);
    const accepts = known.length < types.length ? [] : [...new Set([...known, ...(nullable ? ['null'] : [])])];
    return { name, accepts, isRequired: !optional };
  });
}

function jsonType({ type, const: value }: JsonSchema): string | undefined {
  if (typeof type === 'string') return type;
  return value === undefined ? undefined : typeOfValue(value);
}
