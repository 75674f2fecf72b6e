import { z } from 'zod';
import { UserMistake } from '../errors.ts';

/** The part of a schema's wire type that columns are made of, as JSON Schema. */
export type JsonSchema = z.core.JSONSchema.JSONSchema;

export interface SchemaField {
  /** The schemas of its values other than null. */
  readonly alternatives: readonly JsonSchema[];
  readonly nullable: boolean;
  readonly optional: boolean;
  /** What `.meta({ sql })` says of all alternatives together. */
  readonly sql?: unknown;
}

/** Reads the fields that a schema declares. */
export interface SchemaReader {
  readonly root: JsonSchema;
  /**
   * Returns the fields of an object, or of a union of objects: a field that is not in all alternatives is optional.
   * Throws a `UserMistake` for a reference to a part that the schema does not have.
   */
  fieldsOf(schema: JsonSchema): ReadonlyMap<string, SchemaField>;
  /** Returns what a part of the schema, such as a list's `items`, says about its values. */
  valuesOf(schema: JsonSchema): Omit<SchemaField, 'optional'>;
}

/** Opens the wire type of a schema of zod, or one that is JSON Schema already: what travels as JSON. */
export function readSchema(schema: z.ZodType | JsonSchema): SchemaReader {
  const root =
    schema instanceof z.ZodType
      ? (z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema)
      : schema;
  return { root, fieldsOf: (part) => fieldsOf(part, root), valuesOf: (part) => valuesOf(part, root) };
}

function fieldsOf(schema: JsonSchema, root: JsonSchema): ReadonlyMap<string, SchemaField> {
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
      { ...valuesOf(property as JsonSchema, root), optional: !required.has(name) },
    ]),
  );
}

function valuesOf(schema: JsonSchema, root: JsonSchema): Omit<SchemaField, 'optional'> {
  const alternatives = alternativesOf(schema, root);
  const notNull = alternatives.filter(({ type }) => type !== 'null');
  return {
    alternatives: notNull,
    nullable: notNull.length < alternatives.length || notNull.some(isAnything),
    ...(schema.sql === undefined ? {} : { sql: schema.sql }),
  };
}

/**
 * Reads the precision and the scale of `.meta({ sql: 'numeric(12, 2)' })`. Undefined for everything else, also for a
 * `numeric` without them.
 */
export function decimalOf(sql: unknown): { readonly precision: number; readonly scale: number } | undefined {
  const [, precision, scale = '0'] = (typeof sql === 'string' && NUMERIC.exec(sql)) || [];
  return precision === undefined ? undefined : { precision: Number(precision), scale: Number(scale) };
}

const NUMERIC = /^numeric\s*\(\s*(\d{1,4})\s*(?:,\s*(\d{1,4})\s*)?\)(?: not null)?$/i;

function union(objects: readonly ReadonlyMap<string, SchemaField>[]): ReadonlyMap<string, SchemaField> {
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

/**
 * Follows references from a part of a schema. Throws a `UserMistake` for one to a part that the schema does not have.
 */
export function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
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
