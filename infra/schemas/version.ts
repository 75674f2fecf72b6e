import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { JsonSchema } from '../../functions/runtime/json/schema-fields.ts';
import { type Definition, patternFollowsFromFormat, unfaithful } from '../../functions/runtime/json/wire-schema.ts';

/** A version of a stream's schema. */
export interface SchemaVersion {
  /** The hash of the schema: 12 hexadecimal digits. */
  readonly version: string;
  /** The wire type of the schema, in one order of its keys and without what changes no value. */
  readonly schema: JsonSchema;
}

/** Returns the version of a schema: equal for schemas that take the same values for the same columns. */
export function versionOf(schema: z.ZodType): SchemaVersion {
  const canonical = sorted(wireTypeOf(schema, () => undefined)) as JsonSchema;
  return { version: hashOf(canonical), schema: canonical };
}

export function hashOf(canonical: JsonSchema): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(canonical)))
    .digest('hex')
    .slice(0, 12);
}

/** Marks a part of a schema whose code checks or changes more than JSON Schema says. */
export const HAS_CODE = 'x-code';

/** Returns what a reader's schema takes, in the form of a version. Parts with code of their own have `HAS_CODE`. */
export function readerTypeOf(schema: z.ZodType): JsonSchema {
  const marked = wireTypeOf(schema, (definition, part) => {
    if (unfaithful(definition) !== undefined || isPipedOn(definition)) Object.assign(part, { [HAS_CODE]: true });
  });
  return sorted(marked) as JsonSchema;
}

/** What reads a value that was read already, such as `z.string().pipe(z.coerce.date())`. A function alone takes all. */
function isPipedOn({ type, out }: Definition & { readonly out?: Definition['in'] }): boolean {
  return type === 'pipe' && out?._zod.def.type !== 'transform';
}

function wireTypeOf(schema: z.ZodType, mark: (definition: Definition, part: JsonSchema) => void): JsonSchema {
  const {
    $schema,
    '~standard': _,
    ...wire
  } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      for (const key of SAYS_NOTHING) delete jsonSchema[key];
      if (jsonSchema.type !== undefined) for (const part of jsonSchema.allOf ?? []) part.type ??= jsonSchema.type;
      if (patternFollowsFromFormat(jsonSchema)) delete jsonSchema.pattern;
      mark(zodSchema._zod.def as unknown as Definition, jsonSchema as JsonSchema);
    },
  });
  return wire as JsonSchema;
}

/** What changes neither the values nor the columns that are made of them. */
const SAYS_NOTHING = [
  'default',
  '_prefault',
  'readOnly',
  'writeOnly',
  'deprecated',
  'title',
  'description',
  'examples',
];

/** Sorts the keys of objects, and lists whose order means nothing. */
function sorted(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => sorted(item));
    return UNORDERED.has(key) ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner, name)]));
}

const UNORDERED = new Set(['required', 'enum']);
