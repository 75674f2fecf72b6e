import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkerOf, wireSchemaOf } from '../../../../functions/runtime/json/wire-schema.ts';

const sent = (schema: z.ZodType) => checkerOf(JSON.parse(JSON.stringify(wireSchemaOf(schema, 'httpSource'))));

/** Values that schemas disagree about. Each schema below checks each of them, alone and as a field. */
const VALUES: readonly unknown[] = [
  ...[null, true, false, '', 'a', 'b', 'ok', 'hot', 'OK', ' a ', 'a\nb', 'é', 'ab', 'abc'],
  ...[0, -0, 1, -1, 1.5, 6, 4, 9007199254740991, 9007199254740992, 1e300, -2147483649, 2147483647],
  ...[
    '2024-02-29',
    '2023-02-29',
    '2024-1-1',
    '2024-02-29T10:00:00Z',
    '2024-02-29T10:00:00+02:00',
    '2024-02-29T10:00:00',
  ],
  ...[
    '2024-02-29T10:00:00.123Z',
    '2024-02-29T25:00:00Z',
    '10:00',
    '10:00:00',
    'P1D',
    '1.2.3.4',
    '1.2.3.256',
    '::1',
    '::g',
  ],
  ...['a@b.example', 'a@', 'https://a.example/x', 'nonsense', '6f9619ff-8b86-4011-b42d-00cf4fc964ff', '6f9619ff'],
  ...['aGVsbG8=', 'aGVsbG8', '-_8', '+4915112345678', 'a.example', '1.5', 'a5'],
  ...[[], ['a'], ['a', 1], ['a', 1, 2], [1], [null], [['a']]],
  ...[{}, { x: 1 }, { x: '1' }, { kind: 'a', n: 1 }, { kind: 'b', t: 'x' }, { kind: 'b' }, { kind: 'c' }],
  ...[
    { name: 'a', children: [{ name: 'b', children: [] }] },
    { name: 'a', children: [{ name: 1, children: [] }] },
  ],
  ...[{ a: 'a' }, { a: 'a', more: 1 }, { a: null }, { a: 'a', more: 'x' }, { a: 1, b: 'x' }],
];

const Tree = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree);
  },
});

const KEPT: Record<string, z.ZodType> = {
  string: z.string(),
  'string with lengths': z.string().min(1).max(2),
  'string of one length': z.string().length(2),
  'two patterns': z.string().regex(/a/).regex(/b/),
  'a pattern that is not anchored': z.string().regex(/^a|k$/),
  'start, middle and end': z.string().startsWith('a').includes('b').endsWith('c'),
  lowercase: z.string().lowercase(),
  number: z.number(),
  'number in bounds': z.number().min(0).lt(6),
  'number in open bounds': z.number().gt(0).max(6),
  'multiple of two numbers': z.number().multipleOf(2).multipleOf(3),
  int: z.int(),
  int32: z.int32(),
  positive: z.int().positive(),
  boolean: z.boolean(),
  null: z.null(),
  unknown: z.unknown(),
  nullable: z.string().nullable(),
  'nullable number in bounds': z.number().min(0).nullable(),
  enum: z.enum(['ok', 'hot']),
  'nullable enum': z.enum(['ok', 'hot']).nullable(),
  literal: z.literal('a'),
  'literals of several types': z.literal(['a', 1, null, true]),
  union: z.union([z.string().max(1), z.int()]),
  'union of objects': z.union([z.object({ x: z.int() }), z.object({ a: z.string() })]),
  'discriminated union': z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), n: z.int() }),
    z.object({ kind: z.literal('b'), t: z.string() }),
  ]),
  intersection: z.intersection(z.object({ a: z.string() }), z.object({ more: z.int() })),
  date: z.iso.date(),
  'UTC datetime': z.iso.datetime(),
  'datetime with offset': z.iso.datetime({ offset: true }),
  'local datetime': z.iso.datetime({ local: true }),
  'datetime in milliseconds': z.iso.datetime({ precision: 3 }),
  time: z.iso.time(),
  duration: z.iso.duration(),
  email: z.email(),
  url: z.url(),
  uuid: z.uuid(),
  'uuid of one version': z.uuidv4(),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
  base64: z.base64(),
  base64url: z.base64url(),
  e164: z.e164(),
  hostname: z.hostname(),
  'template literal': z.templateLiteral(['a', z.number()]),
  array: z.array(z.string()).min(1).max(1),
  tuple: z.tuple([z.string(), z.number()]),
  'tuple with a rest': z.tuple([z.string()]).rest(z.number()),
  record: z.record(z.string(), z.number()),
  'partial record': z.partialRecord(z.enum(['a', 'x']), z.string()),
  object: z.object({ a: z.string() }),
  'loose object': z.looseObject({ a: z.string() }),
  'strict object': z.strictObject({ a: z.string() }),
  catchall: z.object({ a: z.string() }).catchall(z.number()),
  optional: z.strictObject({ a: z.string().optional(), more: z.int().optional() }),
  nullish: z.object({ a: z.string().nullish() }),
  default: z.object({ a: z.string().default('x') }),
  prefault: z.object({ a: z.string().prefault('x') }),
  readonly: z.object({ a: z.string() }).readonly(),
  described: z
    .string()
    .describe('what it is')
    .meta({ examples: ['a'] }),
  recursive: Tree,
  JSON: z.json(),
  codec: z.codec(z.string(), z.number(), { decode: (text) => text.length, encode: String }),
  'a transform behind a type': z.string().transform((text) => text.length),
};

test.each(Object.keys(KEPT))('a schema that was sent refuses what it refused before: %s', (name) => {
  const schema = KEPT[name]!;
  for (const [wrapped, values] of [
    [schema, VALUES],
    [z.object({ field: schema }), VALUES.map((field) => ({ field }))],
  ] as const) {
    const check = sent(wrapped);
    for (const value of values)
      expect({ value, fits: check(value) === undefined }).toEqual({ value, fits: wrapped.safeParse(value).success });
  }
});

test.each([
  ['a refinement', z.object({ a: z.string().refine((a) => a !== '') }), /a has a check of its own \('custom'\)/],
  [
    'a refinement of the whole',
    z.object({ a: z.string() }).refine(() => true),
    /it has a check of its own \('custom'\)/,
  ],
  ['a refinement in an array', z.object({ a: z.array(z.int().refine(() => true)) }), /a\.items has a check of its own/],
  ['a custom type', z.object({ a: z.custom(() => true) }), /a: Custom types cannot be represented/],
  ['a date', z.object({ at: z.date() }), /at: Date cannot be represented/],
  ['a bigint', z.object({ n: z.bigint() }), /n: BigInt cannot be represented/],
  ['a map', z.map(z.string(), z.string()), /it: Map cannot be represented/],
  ['coercion', z.object({ n: z.coerce.number() }), /n coerces/],
  ['a trimmed text', z.object({ a: z.string().trim() }), /a changes the value/],
  ['preprocessing', z.preprocess(String, z.string()), /it is preprocessed/],
  ['a transform first', z.transform(String), /it: Transforms cannot be represented/],
  ['a fallback', z.object({ n: z.number().catch(0) }), /n is a z\.catch\(\)/],
  ['a pattern with flags', z.object({ a: z.string().regex(/a/i) }), /a has a pattern with the flags 'i'/],
  ['a URL of certain hosts', z.url({ hostname: /a/ }), /it restricts the host/],
  ['a guid', z.guid(), /it is a z\.guid\(\)/],
  [
    'a format of its own',
    z.stringFormat('even', (text) => text.length % 2 === 0),
    /it has a check of its own \('even'\)/,
  ],
] as const)('a schema that could not be checked in full is refused: %s', (_, schema, why) => {
  expect(() => wireSchemaOf(schema, 'httpSource')).toThrow(why);
  expect(() => wireSchemaOf(schema, 'httpSource')).toThrow(/^httpSource checks its schema inside a function/);
});

test('the message names every wrong path, five at most', () => {
  const check = sent(z.object({ a: z.string(), b: z.object({ c: z.array(z.int()) }) }));
  expect(check({ a: 1, b: { c: [1, 'x'] } })).toBe(
    'a: Invalid input: expected string, received number; b.c.1: Invalid input: expected number, received string',
  );
  expect(check({ a: '', b: { c: 'abcdefg'.split('') } })).toMatch(/b\.c\.4: .*; and 2 more$/);
  expect(check(7)).toMatch(/^data: /);
});

test('a wire schema is short: neither descriptions nor the patterns of formats travel', () => {
  const schema = z.object({
    day: z.iso.date().describe('the day'),
    at: z.iso.datetime({ offset: true }),
    mail: z.email(),
  });
  expect(JSON.stringify(wireSchemaOf(schema, 'httpSource')).length).toBeLessThan(220);
});

test('data nested deeper than the call stack does not fit, and does not crash the check', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  expect(sent(z.json())(deep)).toBe('data: is nested too deeply to be checked');
  expect(sent(z.unknown())(deep)).toBeUndefined();
});
