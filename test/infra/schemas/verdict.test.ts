import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { verdictOf } from '../../../infra/schemas/verdict.ts';
import { versionOf } from '../../../infra/schemas/version.ts';
import { schemas, valuesOf } from './generated.ts';

const Order = z.object({ id: z.string(), total: z.number(), note: z.string().optional() });

const verdict = (reader: z.ZodType, written: z.ZodType, reads?: readonly string[]) =>
  verdictOf(reader, versionOf(written), reads);

describe('a reader takes every value of a version', () => {
  test.each<[string, z.ZodType, z.ZodType]>([
    ['of its own schema', Order, Order],
    ['with a field that it does not know', Order, Order.extend({ coupon: z.string().nullable() })],
    ['without a field that is optional for it', Order, Order.omit({ note: true })],
    ['whose numbers are narrower', Order, Order.extend({ total: z.int() })],
    ['of whole numbers inside of its bounds', z.object({ n: z.int() }), z.object({ n: z.int32() })],
    ['whose values are some of its own', z.object({ s: z.string() }), z.object({ s: z.enum(['PAID', 'SENT']) })],
    ['that may be null where it takes null', z.object({ s: z.string().nullish() }), z.object({ s: z.string() })],
    ['that is one of its alternatives', z.union([z.string(), z.object({ a: z.int() })]), z.object({ a: z.int() })],
    [
      'whose field tells its alternatives apart',
      z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b'), n: z.number() })]),
      z.object({ t: z.enum(['a', 'b']), n: z.int() }),
    ],
    ['whose list is shorter', z.object({ l: z.array(z.number()).max(5) }), z.object({ l: z.array(z.int()).max(3) })],
    ['that is a record of what it takes', z.record(z.string(), z.number()), z.record(z.enum(['a', 'b']), z.int())],
    ['with a default in place of a field', Order.extend({ paid: z.boolean().default(false) }), Order],
    ['with code of its own that has not changed', withCode(Order), withCode(Order)],
  ])('%s', (_, reader, written) => {
    expect(verdict(reader, written)).toEqual({ kind: 'takes' });
  });

  test('that is contained in itself', () => {
    expect(verdict(z.object({ root: treeOf(z.number()) }), z.object({ root: treeOf(z.int()) }))).toEqual({
      kind: 'takes',
    });
  });
});

/** A schema with code that JSON Schema has no word for. */
function withCode(schema: typeof Order): z.ZodType {
  return schema.refine(({ total }) => total >= 0).and(z.object({ id: z.string().refine((id) => id.startsWith('o')) }));
}

function treeOf(value: z.ZodType): z.ZodType {
  const tree: z.ZodType = z.lazy(() => z.object({ value, children: z.array(tree) }));
  return tree;
}

describe('a reader breaks, and the verdict names field and example,', () => {
  test.each<[string, z.ZodType, z.ZodType, string]>([
    ['when a field that it needs is missing', Order.extend({ paid: z.boolean() }), Order, 'paid'],
    ['when a field may be missing', Order, Order.partial({ total: true }), 'total'],
    ['when a field may be null', Order, Order.extend({ total: z.number().nullable() }), 'total'],
    ['when a number is wider', Order.extend({ total: z.int() }), Order, 'total'],
    ['when a number is beyond its bounds', z.object({ n: z.int32() }), z.object({ n: z.int() }), 'n'],
    ['when a field has another type', Order.extend({ id: z.int() }), Order, 'id'],
    ['when there is a value more', z.object({ s: z.enum(['A']) }), z.object({ s: z.enum(['A', 'B']) }), 's'],
    ['when a text is too long', z.object({ s: z.string().max(5) }), z.object({ s: z.string().max(6) }), 's'],
    ['when a text is no time', z.object({ at: z.iso.datetime() }), z.object({ at: z.string() }), 'at'],
    ['when a list may be empty', z.object({ l: z.array(z.int()).min(1) }), z.object({ l: z.array(z.int()) }), 'l'],
    ['inside a list', z.object({ l: z.array(Order) }), z.object({ l: z.array(Order.omit({ id: true })) }), 'l.0.id'],
    [
      'when it takes no field but its own',
      z.strictObject({ a: z.int() }),
      z.object({ a: z.int(), b: z.int() }),
      'data',
    ],
    ['though code of its own checks the rest', Order.extend({ paid: z.boolean() }).refine(() => false), Order, 'paid'],
  ])('%s', (...[, reader, written, field]) => {
    const found = verdict(reader, written);
    expect(found).toMatchObject({ kind: 'breaks', field });
    const { example } = found as { readonly example: unknown };
    expect(reader.safeParse(example).success).toBe(false);
    expect(written.safeParse(example).success).toBe(true);
  });
});

test('nobody is sure about code of a reader, such as a refinement', () => {
  const even = z.object({ n: z.int().refine((n) => n % 2 === 0) });
  expect(verdict(even, z.object({ n: z.int32() }))).toEqual({ kind: 'unsure', fields: ['n'], because: 'code' });
});

test('nobody is sure about two patterns', () => {
  const [one, other] = [/^[a-z]+$/, /^[a-y]+$/].map((pattern) => z.object({ s: z.string().regex(pattern) }));
  expect(verdict(other as z.ZodType, one as z.ZodType)).toMatchObject({ kind: 'unsure', because: 'values' });
});

test('a field that a reader does not look at does not matter', () => {
  expect(verdict(Order, Order.omit({ total: true }), ['id', 'note'])).toEqual({ kind: 'takes' });
  expect(verdict(Order, Order.omit({ total: true }), ['id', 'total'])).toMatchObject({
    kind: 'breaks',
    field: 'total',
  });
});

test('zod itself agrees with the verdicts about 600 pairs of schemas', () => {
  const counts = { takes: 0, breaks: 0, unsure: 0 };
  fc.assert(
    fc.property(schemas, (pair) => {
      const [reader, written] = pair;
      const found = verdict(reader.zod, written.zod);
      counts[found.kind]++;
      if (found.kind === 'breaks') {
        expect(written.zod.safeParse(found.example).success, 'the example is of the version').toBe(true);
        expect(reader.zod.safeParse(found.example).success, 'the reader refuses the example').toBe(false);
      }
      if (found.kind !== 'takes') return;
      for (const value of fc.sample(valuesOf(written), { numRuns: 12, seed: 7 }))
        expect(reader.zod.safeParse(value).success, `the reader takes ${JSON.stringify(value)}`).toBe(true);
    }),
    { numRuns: 600, seed: 20_261_130 },
  );
  expect(counts.takes).toBeGreaterThan(60);
  expect(counts.breaks).toBeGreaterThan(60);
  expect(counts.unsure).toBeLessThan(12);
});
