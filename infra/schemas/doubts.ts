import type { JsonSchema } from '../../functions/runtime/json/schema-fields.ts';
import { resolve } from '../../functions/runtime/json/schema-fields.ts';
import { checkerOf } from '../../functions/runtime/json/wire-schema.ts';
import { lengthDoubt, numberDoubt, textDoubt } from './scalar-doubts.ts';
import { HAS_CODE } from './version.ts';

/** A part of a schema that a reader may not take, as far as the structure shows. */
export interface Doubt {
  /** Where the part is in an event's data. `*` stands for each element of a list, and for each name of a record. */
  readonly path: readonly string[];
  /**
   * `values`: the structure does not show that the reader takes all values of the part. `code`: the reader checks the
   * part by code of its own, which nobody can compare.
   */
  readonly about: 'values' | 'code';
}

/**
 * Compares what a reader takes with what was written, part by part. Returns no doubts only where the reader takes every
 * value. A schema that does not say otherwise has no fields beside those that it names: a writer writes no others.
 */
export function doubtsOf(reader: JsonSchema, written: JsonSchema): readonly Doubt[] {
  const comparison: Comparison = { reader, written, compared: new Map() };
  return compare(reader, written, { comparison, path: [] });
}

interface Comparison {
  readonly reader: JsonSchema;
  readonly written: JsonSchema;
  /** The pairs that are being compared: a schema may contain itself. */
  readonly compared: Map<JsonSchema, Set<JsonSchema>>;
}

interface At {
  readonly comparison: Comparison;
  readonly path: readonly string[];
}

/** A part of a schema: `true` takes anything, `false` nothing. */
type Part = JsonSchema | boolean | undefined;

function compare(readerPart: Part, writtenPart: Part, at: At): readonly Doubt[] {
  const { comparison } = at;
  const reader = partOf(readerPart, comparison.reader);
  const written = partOf(writtenPart, comparison.written);
  if (isNothing(written)) return [];
  if (isSame(reader, written)) return [];
  const others = comparison.compared.get(reader) ?? new Set();
  if (others.has(written)) return [];
  comparison.compared.set(reader, others.add(written));
  try {
    return compareParts(reader, written, at);
  } finally {
    others.delete(written);
  }
}

function compareParts(reader: JsonSchema, written: JsonSchema, at: At): readonly Doubt[] {
  const { comparison } = at;
  const own: readonly Doubt[] = hasCode(reader) ? [{ path: at.path, about: 'code' }] : [];
  if (isAnything(reader)) return own;
  const alternatives = alternativesOf(written, comparison.written);
  if (alternatives.length > 1) return [...own, ...unique(alternatives.flatMap((each) => compare(reader, each, at)))];
  return [...own, ...compareOne(reader, alternatives[0] ?? written, at)];
}

function compareOne(reader: JsonSchema, written: JsonSchema, at: At): readonly Doubt[] {
  const { allOf, anyOf, oneOf, ...rest } = reader;
  if (allOf !== undefined) {
    const { allOf: _, ...others } = reader;
    return unique([...(allOf as readonly Part[]), others].flatMap((part) => compare(part, written, at)));
  }
  const choices = anyOf ?? oneOf ?? typesOf(rest);
  if (choices !== undefined) return compareChoices(choices as readonly Part[], written, at);
  const merged = mergedAll(written, at.comparison.written);
  if (isNothing(reader) || isAnything(merged)) return doubt(at);
  if ('const' in merged) return admits(reader, merged.const, at.comparison) ? [] : doubt(at);
  if (reader.const !== undefined || reader.enum !== undefined) return doubt(at);
  if (!isTypeTaken(reader, merged)) return doubt(at);
  switch (merged.type) {
    case 'number':
    case 'integer':
      return numberDoubt(reader, merged) ? doubt(at) : [];
    case 'string':
      return textDoubt(reader, written) ? doubt(at) : [];
    case 'array':
      return compareLists(reader, merged, at);
    case 'object':
      return compareObjects(reader, merged, at);
    default:
      return merged.type === undefined ? doubt(at) : [];
  }
}

/** Finds a choice of the reader that takes all of it. Where none does alone, tells the values of a field apart. */
function compareChoices(choices: readonly Part[], written: JsonSchema, at: At): readonly Doubt[] {
  const found = choices.map((choice) => compare(choice, written, at));
  const taken = found.find((doubts) => doubts.every(({ about }) => about === 'code'));
  if (taken !== undefined) return taken;
  const divided = dividedByField(written, at.comparison.written);
  if (divided !== undefined && at.path.length < MOST_DIVISIONS)
    return unique(divided.flatMap((part) => compareChoices(choices, part, at)));
  return doubt(at);
}

const MOST_DIVISIONS = 32;
const MOST_VALUES = 64;

/** Divides an object by the values of its first field that has few of them and is not one already. */
function dividedByField(written: JsonSchema, root: JsonSchema): readonly JsonSchema[] | undefined {
  const { type, properties = {}, required = [] } = written;
  if (type !== 'object') return undefined;
  for (const name of required) {
    const part = partOf(properties[name] as Part, root);
    const values = alternativesOf(part, root);
    if (values.length > 1 && values.length <= MOST_VALUES && values.every((value) => 'const' in value))
      return values.map((value) => ({ ...written, properties: { ...properties, [name]: value } }) as JsonSchema);
  }
  return undefined;
}

function compareLists(reader: JsonSchema, written: JsonSchema, at: At): readonly Doubt[] {
  const readerFirst = (reader.prefixItems ?? []) as readonly Part[];
  const writtenFirst = (written.prefixItems ?? []) as readonly Part[];
  const most = written.maxItems ?? Infinity;
  const positions = Math.min(Math.max(readerFirst.length, writtenFirst.length), most);
  const inside = { ...at, path: [...at.path, '*'] };
  const each = Array.from({ length: positions }, (_, index) =>
    compare(readerFirst[index] ?? (reader.items as Part), writtenFirst[index] ?? (written.items as Part), inside),
  );
  const others = most > positions ? compare(reader.items as Part, written.items as Part, inside) : [];
  const length = lengthDoubt(reader, written, 'Items') ? doubt(at) : [];
  return unique([...length, ...each.flat(), ...others]);
}

function compareObjects(reader: JsonSchema, written: JsonSchema, at: At): readonly Doubt[] {
  const [taken, given] = [namedFields(reader), namedFields(written)];
  const inside = (name: string): At => ({ ...at, path: [...at.path, name] });
  const missing = taken.required
    .filter((name) => !given.required.includes(name))
    .flatMap((name) => doubt(inside(name)));
  const named = Object.entries(given.properties).flatMap(([name, part]) => {
    const own = Object.hasOwn(taken.properties, name) ? taken.properties[name] : undefined;
    if (own === undefined && taken.others === false) return doubt(at);
    if (own === undefined && !isNameTaken(reader, name, at.comparison)) return doubt(inside(name));
    return compare(own ?? taken.others, part, inside(name));
  });
  if (given.others === undefined || given.others === false) return unique([...missing, ...named]);
  const others = Object.entries(taken.properties)
    .filter(([name]) => !Object.hasOwn(given.properties, name))
    .flatMap(([name, part]) => compare(part, given.others, inside(name)));
  const unnamed = taken.others === false ? doubt(at) : compare(taken.others, given.others, inside('*'));
  const names =
    reader.propertyNames === undefined
      ? []
      : compare(reader.propertyNames as Part, (written.propertyNames as Part) ?? { type: 'string' }, inside('*'));
  return unique([...missing, ...named, ...others, ...unnamed, ...names]);
}

interface NamedFields {
  readonly properties: Readonly<Record<string, Part>>;
  readonly required: readonly string[];
  /** What the other fields hold. Undefined: it says nothing of them. */
  readonly others: Part;
}

/** A record whose names are listed has these fields, and no others. */
function namedFields({ properties = {}, required = [], additionalProperties, propertyNames }: JsonSchema): NamedFields {
  const names = typeof propertyNames === 'object' ? propertyNames.enum : undefined;
  if (names === undefined)
    return { properties: properties as NamedFields['properties'], required, others: additionalProperties as Part };
  const listed = names.map((name) => [String(name), additionalProperties as Part] as const);
  return { properties: { ...Object.fromEntries(listed), ...(properties as object) }, required, others: false };
}

function isNameTaken({ propertyNames }: JsonSchema, name: string, comparison: Comparison): boolean {
  return propertyNames === undefined || admits(propertyNames as JsonSchema, name, comparison);
}

/** Lists the alternatives of what was written, each as a part of its own. Values that are listed are one each. */
function alternativesOf(written: JsonSchema, root: JsonSchema): readonly JsonSchema[] {
  const part = partOf(written, root);
  const { anyOf, oneOf, type, enum: values } = part;
  const alternatives = anyOf ?? oneOf;
  if (alternatives !== undefined)
    return alternatives.flatMap((each) => alternativesOf(partOf(each as Part, root), root));
  if (values !== undefined) return values.map((value) => ({ const: value }) as JsonSchema);
  if (part.const === undefined && type === 'boolean') return [{ const: true }, { const: false }];
  if (part.const === undefined && type === 'null') return [{ const: null }];
  return (typesOf(part) ?? [part]).flatMap((each) => (each === part ? [part] : alternativesOf(each, root)));
}

/** Takes a list of types apart. Undefined: there is one type at most. */
function typesOf(part: JsonSchema): readonly JsonSchema[] | undefined {
  const { type } = part;
  return Array.isArray(type) ? type.map((each) => ({ ...part, type: each }) as JsonSchema) : undefined;
}

/** Puts the parts of an intersection of objects together. */
function mergedAll(written: JsonSchema, root: JsonSchema): JsonSchema {
  const { allOf, ...rest } = written;
  if (allOf === undefined) return written;
  const parts = [rest as JsonSchema, ...allOf.map((each) => mergedAll(partOf(each as Part, root), root))].filter(
    (part) => Object.keys(part).length > 0,
  );
  if (!parts.every(({ type }) => type === 'object')) return { ...parts[0], ...rest };
  const open = parts.find(({ additionalProperties: others }) => others !== undefined && others !== false);
  return {
    type: 'object',
    ...(open === undefined ? {} : { additionalProperties: open.additionalProperties as JsonSchema }),
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
    required: [...new Set(parts.flatMap(({ required = [] }) => required))],
  };
}

function isTypeTaken(reader: JsonSchema, written: JsonSchema): boolean {
  if (reader.type === written.type) return true;
  if (reader.type === 'number') return written.type === 'integer';
  return reader.type === 'integer' && written.type === 'number' && Number.isInteger(written.multipleOf ?? 0.5);
}

/** Tells whether the structure takes one value, by zod itself. */
function admits(reader: JsonSchema, value: unknown, { reader: { $defs } }: Comparison): boolean {
  const { [HAS_CODE]: _, ...plain } = reader as Record<string, unknown>;
  return checkerOf($defs === undefined ? plain : { ...plain, $defs })(value) === undefined;
}

function partOf(part: Part, root: JsonSchema): JsonSchema {
  if (part === undefined || part === true) return {};
  return part === false ? NOTHING : resolve(part, root);
}

const NOTHING: JsonSchema = { not: {} };

function isNothing({ not }: JsonSchema): boolean {
  return not !== undefined;
}

function isAnything(part: JsonSchema): boolean {
  return Object.keys(part).every((key) => key === HAS_CODE || key === 'sql' || key === '$defs');
}

function hasCode(part: JsonSchema): boolean {
  return HAS_CODE in part;
}

/** Parts that say the same are equal in their code too: a version is made of the schema that reads it. */
function isSame(reader: JsonSchema, written: JsonSchema): boolean {
  return textOf(reader) === textOf(written) && !textOf(reader).includes('"$ref"');
}

function textOf(part: JsonSchema): string {
  return JSON.stringify(part, (key, value) =>
    key === HAS_CODE || key === 'sql' || key === '$defs' ? undefined : value,
  );
}

function doubt({ path }: At): readonly Doubt[] {
  return [{ path, about: 'values' }];
}

function unique(doubts: readonly Doubt[]): readonly Doubt[] {
  const texts = doubts.map(({ path, about }) => JSON.stringify([path, about]));
  return doubts.filter((_, index) => texts.indexOf(texts[index] as string) === index);
}
