import { UserMistake } from '../errors.ts';
import type { WireSchema } from './wire-schema.ts';

/**
 * The fields that a type declares by name, in any alternative of a union. A loose schema lets others pass, but does not
 * declare them, so a misspelt name is not among them.
 */
export type DeclaredField<D> = D extends readonly unknown[]
  ? never
  : D extends object
    ? keyof { [F in keyof D as Record<never, never> extends Record<F, unknown> ? never : F]: D[F] } & string
    : never;

/**
 * Returns the fields that a schema declares by name, in any alternative of a union. Returns undefined for a schema that
 * says nothing of what it accepts.
 */
export function declaredFields(schema: WireSchema): ReadonlySet<string> | undefined {
  const found = new Set<string>();
  const seen = new Set<WireSchema>();
  let saysSomething = false;

  function collect(part: WireSchema | boolean): void {
    if (typeof part === 'boolean' || seen.has(part)) return;
    seen.add(part);
    const { $ref, anyOf = [], oneOf = [], allOf = [], properties = {}, propertyNames } = part;
    saysSomething ||= part.type !== undefined || part.enum !== undefined || part.const !== undefined;
    for (const name of [...Object.keys(properties), ...namesOf(propertyNames)]) found.add(name);
    if ($ref !== undefined) collect(targetOf($ref, schema));
    for (const inner of [...anyOf, ...oneOf, ...allOf]) collect(inner);
  }

  collect(schema);
  return saysSomething ? found : undefined;
}

/** A record whose names are listed, such as `z.record(z.enum(['a', 'b']), z.number())`, declares these names. */
function namesOf(names: WireSchema | boolean | undefined): readonly string[] {
  if (typeof names !== 'object') return [];
  return [...(names.enum ?? []), names.const].filter((name) => typeof name === 'string');
}

function targetOf($ref: string, root: WireSchema): WireSchema | boolean {
  if ($ref === '#') return root;
  return root.$defs?.[$ref.replace('#/$defs/', '')] ?? {};
}

/**
 * Finds what is wrong with an option that names a field: the schema does not declare the field. Returns undefined when
 * it does, or when the option is left out. The message continues a sentence: `key is 'idd', …`.
 */
export function undeclaredField(
  option: string,
  field: string | undefined,
  declared: ReadonlySet<string>,
): string | undefined {
  if (field === undefined || declared.has(field)) return undefined;
  const names = [...declared].slice(0, MOST_NAMES).map((name) => `'${name}'`);
  const more = declared.size > MOST_NAMES ? `, and ${declared.size - MOST_NAMES} more` : '';
  const fix =
    declared.size === 0
      ? 'the schema names no field: declare it there'
      : `use one of ${names.join(', ')}${more}, or declare it in the schema`;
  return `${option} is '${field}', a field that the schema does not declare: ${fix}`;
}

/** An error message lists no more fields than this. */
const MOST_NAMES = 20;

/** Throws a `UserMistake` when a source's `key` or `time` is a field that its schema does not declare. */
export function checkSourceFields(
  what: string,
  schema: WireSchema,
  { key, time }: { readonly key: string; readonly time?: string | undefined },
): void {
  const declared = declaredFields(schema) ?? new Set();
  const wrong = undeclaredField('key', key, declared) ?? undeclaredField('time', time, declared);
  if (wrong !== undefined) throw new UserMistake(`${what}: ${wrong}`);
}
