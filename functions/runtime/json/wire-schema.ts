import { z } from 'zod';
import { UserMistake } from '../errors.ts';

/**
 * The wire type of a zod schema, as JSON Schema. In this form, a schema travels in a step's options, which are JSON.
 * Only schemas that `checkerOf` checks again in full are accepted. `wireSchemaOf` throws a `UserMistake` for anything
 * that JSON Schema, or zod's reading of it, would loosen or change.
 */
export type WireSchema = z.core.JSONSchema.BaseSchema;

/** Says what is wrong with a value, path by path. Undefined when the value fits. */
export type Checker = (value: unknown) => string | undefined;

/** Converts a schema. Throws a `UserMistake` that says which part of the schema cannot travel, and what to do. */
export function wireSchemaOf(schema: z.ZodType, what: string): WireSchema {
  try {
    const wire = z.toJSONSchema(schema, {
      io: 'input',
      override: keepFaithful,
      unrepresentable: ({ path, message }) => {
        throw new UserMistake(`${placeOf(path)}: ${message}: say the type that is sent, and convert it in a transform`);
      },
    });
    return withoutKeys(wire, ['$schema', '~standard']);
  } catch (error) {
    const { message } = error as Error;
    throw new UserMistake(`${what} checks its schema inside a function, and this one cannot be sent there: ${message}`);
  }
}

export function checkerOf(wire: WireSchema): Checker {
  const schema = z.fromJSONSchema(wire as z.core.JSONSchema.JSONSchema);
  return (value) => {
    try {
      const parsed = schema.safeParse(value);
      return parsed.success ? undefined : explain(parsed.error.issues);
    } catch (error) {
      if (error instanceof RangeError) return 'data: is nested too deeply to be checked';
      throw error;
    }
  };
}

const MOST_ISSUES = 5;

function explain(issues: readonly z.core.$ZodIssue[]): string {
  const lines = issues.slice(0, MOST_ISSUES).map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`);
  const more = issues.length - lines.length;
  return lines.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

interface Conversion {
  readonly zodSchema: z.core.$ZodTypes;
  readonly jsonSchema: WireSchema;
  readonly path: readonly (string | number)[];
}

/** Rejects or corrects one part of the schema. zod calls this for every part, inner parts first. */
function keepFaithful({ zodSchema, jsonSchema, path }: Conversion): void {
  const why = unfaithful(zodSchema._zod.def as unknown as Definition);
  if (why !== undefined) throw new UserMistake(`${placeOf(path)} ${why}`);
  for (const key of NOT_CHECKED) delete jsonSchema[key];
  // zod writes several patterns as { allOf: [{ pattern }] }, and accepts any value for a part without a type.
  if (jsonSchema.type !== undefined) {
    for (const part of jsonSchema.allOf ?? []) part.type ??= jsonSchema.type;
  }
  if (patternFollowsFromFormat(jsonSchema)) delete jsonSchema.pattern;
}

/** Defaults, descriptions and SQL types do not change what travels, and options have to be short. */
const NOT_CHECKED = ['default', '_prefault', 'readOnly', 'title', 'description', 'examples', 'sql'];

/** Returns a path as the path of a value reads: `users.items.name`. */
function placeOf(path: readonly (string | number)[]): string {
  const names = path.filter((part) => part !== 'properties');
  return names.length === 0 ? 'it' : names.join('.');
}

/** The definition of a schema or of a check, as far as it is used here. */
export interface Definition {
  readonly type?: string;
  readonly check?: string;
  readonly format?: string;
  readonly coerce?: boolean;
  readonly pattern?: RegExp;
  readonly fn?: unknown;
  readonly hostname?: RegExp;
  readonly protocol?: RegExp;
  readonly in?: { readonly _zod: { readonly def: Definition } };
  readonly checks?: readonly { readonly _zod: { readonly def: Definition } }[];
}

/**
 * Says why JSON Schema cannot say all that a part of a schema checks, or what it makes of a value. The text continues a
 * sentence whose subject is the part. Undefined: JSON Schema says it.
 */
export function unfaithful(definition: Definition): string | undefined {
  const { type, coerce, checks = [] } = definition;
  if (coerce) return `coerces, so its wire type is anything: say the type that is sent, and convert it in a transform`;
  if (type === 'pipe' && definition.in?._zod.def.type === 'transform')
    return 'is preprocessed, so its wire type is anything: say the type that is sent, and convert it in a transform';
  if (type !== undefined && LOOSER_IN_JSON_SCHEMA.has(type))
    return `is a z.${type}(), which JSON Schema has no word for: leave it to a transform`;
  return [definition, ...checks.map((each) => each._zod.def)].map(unfaithfulCheck).find((why) => why !== undefined);
}

const LOOSER_IN_JSON_SCHEMA = new Set(['catch', 'file', 'promise']);

function unfaithfulCheck({ check, format, pattern, fn, hostname, protocol }: Definition): string | undefined {
  if (check === undefined) return undefined;
  if (check === 'overwrite') return 'changes the value it checks: take it as it comes, and change it in a transform';
  if (!CHECKS_OF_JSON_SCHEMA.has(check) || (fn !== undefined && pattern === undefined))
    return `has a check of its own ('${format ?? check}'), which is code: leave it to a transform's schema`;
  if (format === 'guid') return 'is a z.guid(), which would come back as z.uuid(): use z.uuid() or a pattern';
  if (format === 'json_string') return 'is a z.json string, which JSON Schema has no word for: leave it to a transform';
  if (hostname !== undefined || protocol !== undefined)
    return 'restricts the host or protocol of a URL, which JSON Schema has no word for: use a pattern';
  if (pattern !== undefined && pattern.flags !== '')
    return `has a pattern with the flags '${pattern.flags}', which JSON Schema does not keep: write it without`;
  return undefined;
}

const CHECKS_OF_JSON_SCHEMA = new Set([
  ...['greater_than', 'less_than', 'multiple_of', 'number_format'],
  ...['min_length', 'max_length', 'length_equals', 'string_format'],
]);

/**
 * Returns true when a pattern follows from its format. Then the pattern, which is often long, does not have to travel.
 */
export function patternFollowsFromFormat({ type, format, pattern }: WireSchema): boolean {
  if (type !== 'string' || format === undefined || pattern === undefined) return false;
  const again = z.toJSONSchema(z.fromJSONSchema({ type: 'string', format }));
  return again.pattern === pattern && again.format === format;
}

function withoutKeys(wire: WireSchema, keys: readonly string[]): WireSchema {
  return Object.fromEntries(Object.entries(wire).filter(([key]) => !keys.includes(key)));
}
