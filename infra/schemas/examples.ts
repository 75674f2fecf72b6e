import { type JsonSchema, resolve } from '../../functions/runtime/json/schema-fields.ts';

/**
 * Makes examples of the values that a schema takes: one whole value, and others that differ from it in one part each,
 * at the bounds of `reader` and of the schema itself. A text with a pattern is only guessed, so an example may not fit.
 */
export function examplesOf(schema: JsonSchema, reader: JsonSchema): readonly unknown[] {
  const bounds = new Set([0, 1, ...numbersIn(schema), ...numbersIn(reader)]);
  const numbers = [...bounds].flatMap((bound) => [bound, bound - 1, bound + 1, bound + 0.5]);
  return examples(schema, { root: schema, numbers: [...new Set(numbers)], depth: 0 }).slice(0, MOST_EXAMPLES);
}

const MOST_EXAMPLES = 4_000;
/** A schema that contains itself ends here. */
const DEEPEST = 6;
const LONGEST = 2_000;

interface Making {
  readonly root: JsonSchema;
  readonly numbers: readonly number[];
  readonly depth: number;
}

/** The first example is the plainest. */
function examples(part: unknown, making: Making): readonly unknown[] {
  if (typeof part !== 'object' || part === null) return ANYTHING;
  const schema = resolve(part as JsonSchema, making.root);
  const { anyOf, oneOf, allOf, enum: values, type } = schema;
  if (making.depth > DEEPEST) return [];
  if ('const' in schema) return [schema.const];
  if (values !== undefined) return values;
  const alternatives =
    anyOf ?? oneOf ?? (Array.isArray(type) ? type.map((each) => ({ ...schema, type: each })) : undefined);
  if (alternatives !== undefined) return alternatives.flatMap((each) => examples(each, making));
  if (allOf !== undefined && type !== 'string') return intersections([withoutAll(schema), ...allOf], making);
  switch (type) {
    case 'null':
      return [null];
    case 'boolean':
      return [true, false];
    case 'integer':
    case 'number':
      return numbersOf(schema, making);
    case 'string':
      return textsOf(schema, making);
    case 'array':
      return listsOf(schema, making);
    case 'object':
      return objectsOf(schema, making);
    default:
      return type === undefined && schema.not === undefined ? ANYTHING : [];
  }
}

const ANYTHING: readonly unknown[] = [null, 'a', 1, true, {}, []];

function numbersOf({ type, multipleOf, ...bounds }: JsonSchema, { numbers }: Making): readonly number[] {
  const fitting = (multipleOf === undefined ? numbers : numbers.map((each) => each * multipleOf)).filter(
    (each) =>
      (type !== 'integer' || Number.isInteger(each)) &&
      each >= (bounds.minimum ?? -Infinity) &&
      each <= (bounds.maximum ?? Infinity) &&
      each > Number(bounds.exclusiveMinimum ?? -Infinity) &&
      each < Number(bounds.exclusiveMaximum ?? Infinity),
  );
  return fitting.sort((a, b) => Math.abs(a) - Math.abs(b));
}

function textsOf({ format, minLength = 0, maxLength = Infinity, pattern }: JsonSchema, { numbers }: Making) {
  const known = TEXTS[format ?? ''];
  if (known !== undefined) return known;
  const lengths = numbers.filter((length) => Number.isInteger(length) && length >= 0 && length <= LONGEST);
  const plain = lengths.filter((length) => length >= minLength && length <= maxLength).sort((a, b) => a - b);
  const made = plain.map((length) => 'a'.repeat(length));
  const texts = [...made.slice(1), ...made.slice(0, 1), ...Object.values(TEXTS).flat(), 'A', '1', 'a1', 'abc-123'];
  if (pattern === undefined) return texts;
  const matching = texts.filter((text) => new RegExp(pattern, 'u').test(text));
  return matching.length === 0 ? ['a'] : matching;
}

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  'date-time': ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.5Z', '2026-01-31T12:00:00+02:00'],
  date: ['2026-01-31'],
  time: ['12:00:00'],
  duration: ['P1D'],
  uuid: ['0190a6c2-7d3e-7c4a-9b1f-2f6f4c7f1a2b'],
  email: ['a@example.com'],
  uri: ['https://example.com'],
  ipv4: ['192.0.2.1'],
  ipv6: ['2001:db8::1'],
};

function listsOf({ items, prefixItems = [], minItems = 0, maxItems = Infinity }: JsonSchema, making: Making) {
  const inner = { ...making, depth: making.depth + 1 };
  const first = prefixItems.map((each) => examples(each, inner));
  const others = items === false ? [] : examples(items ?? {}, inner);
  const plain = first.map(([value]) => value);
  const filled = (length: number): unknown[] => [
    ...plain.slice(0, length),
    ...Array.from({ length: Math.max(0, length - plain.length) }, () => others[0]),
  ];
  const isPossible = (length: number): boolean =>
    Number.isInteger(length) &&
    length >= minItems &&
    length <= Math.min(maxItems, LONGEST) &&
    (others.length > 0 || length <= plain.length);
  const lengths = [...new Set([Math.max(1, minItems, plain.length), ...making.numbers])].filter(isPossible);
  const changed = first.flatMap((values, index) =>
    values.slice(1).map((value) => filled(Math.max(minItems, plain.length)).with(index, value)),
  );
  const longer = Math.max(minItems, plain.length + 1);
  const varied = isPossible(longer) ? others.slice(1).map((value) => filled(longer).with(longer - 1, value)) : [];
  return [...lengths.map(filled), ...changed, ...varied];
}

function objectsOf(schema: JsonSchema, making: Making): readonly object[] {
  const { properties = {}, required = [], additionalProperties, propertyNames } = schema;
  const inner = { ...making, depth: making.depth + 1 };
  const names = typeof propertyNames === 'object' ? (propertyNames.enum ?? []) : [];
  const listed = names.map((name) => [String(name), additionalProperties] as const);
  const parts = [...Object.entries(properties), ...listed].map(([name, part]) => ({
    name,
    values: examples(part, inner),
  }));
  const whole = Object.fromEntries(
    parts.flatMap(({ name, values }) => (values.length === 0 ? [] : [[name, values[0]]])),
  );
  const without = (name: string): object => Object.fromEntries(Object.entries(whole).filter(([each]) => each !== name));
  const optional = parts.filter(({ name }) => !required.includes(name));
  const least = Object.fromEntries(Object.entries(whole).filter(([name]) => required.includes(name)));
  const isOpen = additionalProperties !== undefined && additionalProperties !== false && names.length === 0;
  const unnamed = isOpen ? examples(additionalProperties, inner).map((value) => ({ ...whole, other: value })) : [];
  const varied = parts.flatMap(({ name, values }) => values.slice(1).map((value) => ({ ...whole, [name]: value })));
  return [whole, least, ...optional.map(({ name }) => without(name)), ...varied, ...unnamed];
}

function intersections(parts: readonly unknown[], making: Making): readonly unknown[] {
  const made = parts.map((part) =>
    examples(part, making).filter((value) => typeof value === 'object' && value !== null),
  );
  const whole = Object.assign({}, ...made.map(([value]) => value)) as object;
  return [whole, ...made.flatMap((values) => values.map((value) => ({ ...whole, ...(value as object) })))];
}

function withoutAll({ allOf, ...rest }: JsonSchema): JsonSchema {
  return rest;
}

/** Finds the numbers that bound values, lengths and lists. */
function numbersIn(part: unknown): readonly number[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.values(part).flatMap((value) => (typeof value === 'number' ? [value] : numbersIn(value)));
}
