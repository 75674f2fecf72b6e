import { z } from 'zod';
import type { SearchField, SearchType } from './search-field.ts';

/** The fields that the sink itself writes, in tombstones and in its own document. */
export const DELETED = 'millrace_deleted';
export const EXPIRES = 'millrace_expires';
export const OWNER = 'millrace_owner';

const OWN_PROPERTIES = {
  [DELETED]: { type: 'boolean' },
  [EXPIRES]: { type: 'date' },
  [OWNER]: { type: 'keyword' },
};

/**
 * Writes the mapping of an index that the sink makes. A field that the stream's schema does not declare is kept, and
 * not searched: no event can add a field to the index.
 */
export function mappingOf(fields: readonly SearchField[]): object {
  return { dynamic: false, properties: { ...propertiesOf(fields), ...OWN_PROPERTIES } };
}

function propertiesOf(fields: readonly SearchField[]): Readonly<Record<string, object>> {
  return Object.fromEntries(fields.map(({ name, type }) => [name, propertyOf(type)]));
}

function propertyOf(type: SearchType): object {
  if (type.kind === 'object') return { type: 'object', dynamic: false, properties: propertiesOf(type.fields) };
  return PROPERTIES[type.kind];
}

const PROPERTIES: Readonly<Record<Exclude<SearchType['kind'], 'object'>, object>> = {
  // To be searched by its words, and sorted and counted as a whole where it is short.
  text: { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } },
  time: { type: 'date' },
  integer: { type: 'long' },
  number: { type: 'double' },
  boolean: { type: 'boolean' },
  json: { type: 'object', enabled: false },
};

/** The mapping of an index, as far as the sink looks at it. */
export const IndexMapping = z.object({
  dynamic: z.union([z.string(), z.boolean()]).optional(),
  enabled: z.boolean().optional(),
  type: z.string().optional(),
  get properties(): z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodType<IndexMapping>>> {
    return z.record(z.string(), IndexMapping as z.ZodType<IndexMapping>).optional();
  },
});
export interface IndexMapping {
  readonly dynamic?: string | boolean | undefined;
  readonly enabled?: boolean | undefined;
  readonly type?: string | undefined;
  readonly properties?: Readonly<Record<string, IndexMapping>> | undefined;
}

/** Finds the first field for which an index has no room. Undefined: there is none. */
export function misfitOf(fields: readonly SearchField[], mapping: IndexMapping): string | undefined {
  const own = Object.keys(OWN_PROPERTIES).find((name) => isClosedTo(name, mapping));
  return own === undefined ? misfitBelow(fields, { mapping, path: '' }) : `takes no field ${own}: it is strict`;
}

function misfitBelow(
  fields: readonly SearchField[],
  { mapping, path }: { readonly mapping: IndexMapping; readonly path: string },
): string | undefined {
  for (const { name, type } of fields) {
    const property = mapping.properties?.[name];
    if (property === undefined) {
      if (isClosedTo(name, mapping)) return `takes no field ${path}${name}: it is strict`;
      continue;
    }
    const found = misfitOfField(type, { mapping: property, path: `${path}${name}` });
    if (found !== undefined) return found;
  }
  return undefined;
}

function misfitOfField(
  type: SearchType,
  { mapping, path }: { readonly mapping: IndexMapping; readonly path: string },
): string | undefined {
  // Of an object, OpenSearch leaves the type out where it has properties.
  const has = mapping.type ?? 'object';
  if (type.kind === 'json' || mapping.enabled === false) return undefined;
  if (REFUSED[type.kind].has(has))
    return `has the field ${path} as ${has}, and the stream's schema has ${WORDS[type.kind]} there`;
  return type.kind === 'object' ? misfitBelow(type.fields, { mapping, path: `${path}.` }) : undefined;
}

function isClosedTo(name: string, { dynamic, properties = {} }: IndexMapping): boolean {
  return dynamic === 'strict' && properties[name] === undefined;
}

const WHOLE = ['byte', 'short', 'integer', 'long', 'unsigned_long'];
const FRACTIONS = ['half_float', 'float', 'double', 'scaled_float'];
const STRUCTURED = ['object', 'nested', 'flat_object', 'geo_point', 'geo_shape', 'knn_vector'];

/** The types of an index that would refuse values of a kind, or change them: a `long` cuts a fraction off. */
const REFUSED: Readonly<Record<Exclude<SearchType['kind'], 'json'>, ReadonlySet<string>>> = {
  text: new Set([...WHOLE, ...FRACTIONS, 'boolean', ...STRUCTURED]),
  time: new Set([...WHOLE, ...FRACTIONS, 'boolean', 'ip', ...STRUCTURED]),
  integer: new Set(['boolean', 'ip', ...STRUCTURED]),
  number: new Set([...WHOLE, 'boolean', 'ip', ...STRUCTURED]),
  boolean: new Set([...WHOLE, ...FRACTIONS, 'date', 'ip', ...STRUCTURED]),
  object: new Set([...WHOLE, ...FRACTIONS, 'boolean', 'date', 'ip', 'text', 'keyword', 'wildcard', 'knn_vector']),
};

const WORDS: Readonly<Record<Exclude<SearchType['kind'], 'json'>, string>> = {
  text: 'a text',
  time: 'a time',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'a boolean',
  object: 'an object',
};
