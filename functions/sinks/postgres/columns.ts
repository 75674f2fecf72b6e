import { z } from 'zod';
import { UserMistake } from '../../runtime/errors.ts';

/** A column of a table that is made from a stream's schema. */
export const Column = z.strictObject({
  name: z.string().min(1),
  /** A type of Postgres, such as `timestamptz`. */
  type: z.string().regex(/^[a-z][a-z0-9_ ()[\],]*$/i, 'is not the name of a type'),
  nullable: z.boolean(),
});

export type Column = z.infer<typeof Column>;

/**
 * The columns that hold what travels under a schema: its wire type, field by field. What Postgres has no narrower type
 * for, objects, arrays and values of several types, is `jsonb`. Throws a `UserMistake` for a schema whose data is not
 * an object of known fields.
 */
export function columnsOf(schema: z.ZodType): readonly Column[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const fields = fieldsOf(root, root);
  if (fields.size === 0)
    throw new UserMistake('a table needs a schema with fields: z.object({ … }), not one that leaves them open');
  return [...fields].map(([name, field]) => ({
    name,
    type: typeOf(field),
    nullable: field.optional || field.nullable,
  }));
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

interface Field {
  /** What it may hold besides null. */
  readonly alternatives: readonly JsonSchema[];
  readonly nullable: boolean;
  readonly optional: boolean;
}

/** Of an object, or of what an object may be: a field that is not in all of the alternatives is optional. */
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
  const held = alternatives.filter(({ type }) => type !== 'null');
  const nullable = held.length < alternatives.length || held.some(isAnything);
  return { alternatives: held, nullable, optional };
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
  if (target === undefined) throw new UserMistake(`the schema refers to '${$ref}', which it does not have`);
  return resolve(target as JsonSchema, root);
}

function isAnything(schema: JsonSchema): boolean {
  return schema.type === undefined && schema.enum === undefined && schema.const === undefined;
}

/** One type for all of the alternatives, or `jsonb`. */
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

/** What a SQL transform says of the columns that it computes, `.meta({ sql: 'date' })`: texts and numbers in JSON. */
const SQL_TYPES: ReadonlyMap<unknown, string> = new Map(
  ['date', 'timestamp', 'timestamptz', 'uuid', 'bigint'].map((type) => [type, type]),
);

const TEXT_FORMATS: Readonly<Record<string, string>> = { 'date-time': 'timestamptz', date: 'date', uuid: 'uuid' };

/** `z.int32()`: its bounds are all that is left of it. */
function isInt32({ format, minimum, maximum }: JsonSchema): boolean {
  return format === 'int32' || (minimum === -(2 ** 31) && maximum === 2 ** 31 - 1);
}
