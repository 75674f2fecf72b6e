import fc from 'fast-check';
import { z } from 'zod';

/** A schema, and its values. */
export interface Generated {
  readonly zod: z.ZodType;
  readonly values: fc.Arbitrary<unknown>;
}

export const valuesOf = ({ values }: Generated): fc.Arbitrary<unknown> => values;

const bounds = fc.tuple(fc.integer({ min: -9, max: 9 }), fc.nat(9)).map(([min, more]) => ({ min, max: min + more }));

const numbers: fc.Arbitrary<Generated> = fc.oneof(
  fc.constant({ zod: z.number(), values: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
  fc.constant({ zod: z.int(), values: fc.maxSafeInteger() }),
  fc.constant({ zod: z.int32(), values: fc.integer() }),
  bounds.map(({ min, max }) => ({ zod: z.int().min(min).max(max), values: fc.integer({ min, max }) })),
  bounds.map(({ min, max }) => ({
    zod: z.number().min(min).max(max),
    values: fc.double({ min, max, noNaN: true }),
  })),
  bounds.map(({ min, max }) => ({
    zod: z
      .number()
      .gt(min)
      .lt(max + 1),
    values: fc.double({ min, max: max + 1, minExcluded: true, maxExcluded: true, noNaN: true }),
  })),
);

const texts: fc.Arbitrary<Generated> = fc.oneof(
  fc.constant({ zod: z.string(), values: fc.string() }),
  fc.constant({ zod: z.uuid(), values: fc.uuid({ version: [4, 7] }) }),
  fc.constant({ zod: z.iso.date(), values: fc.constantFrom('2026-01-31', '1999-12-01') }),
  bounds.map(({ min, max }) => {
    const [minLength, maxLength] = [Math.max(0, min), Math.max(0, max)];
    return { zod: z.string().min(minLength).max(maxLength), values: fc.string({ minLength, maxLength }) };
  }),
);

const some: fc.Arbitrary<Generated> = fc
  .subarray(['a', 'b', 'c', 'd'], { minLength: 1 })
  .map((values) => ({ zod: z.enum(values as [string]), values: fc.constantFrom(...values) }));

const plain: fc.Arbitrary<Generated> = fc.oneof(
  numbers,
  texts,
  some,
  fc.constant({ zod: z.boolean(), values: fc.boolean() }),
  fc.constant({ zod: z.null(), values: fc.constant(null) }),
  fc.constant({ zod: z.unknown(), values: fc.jsonValue() }),
);

const { any } = fc.letrec<{ any: Generated; object: Generated }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    plain,
    tie('object'),
    tie('any').map(({ zod, values }) => ({ zod: zod.nullable(), values: fc.option(values) })),
    fc.tuple(tie('any'), bounds).map(([{ zod, values }, { min, max }]) => {
      const [minLength, maxLength] = [Math.max(0, min), Math.max(0, max)];
      return { zod: z.array(zod).min(minLength).max(maxLength), values: fc.array(values, { minLength, maxLength }) };
    }),
    fc.tuple(tie('any'), tie('any')).map(([one, other]) => ({
      zod: z.union([one.zod, other.zod]),
      values: fc.oneof(one.values, other.values),
    })),
    tie('any').map(({ zod, values }) => ({
      zod: z.record(z.string(), zod),
      values: fc.dictionary(fc.constantFrom('k', 'l', 'a'), values),
    })),
  ),
  object: fc
    .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.tuple(tie('any'), fc.boolean()), {
      minKeys: 1,
      noNullPrototype: true,
    })
    .chain((fields) =>
      fc.boolean().map((isStrict) => {
        const shape = Object.fromEntries(
          Object.entries(fields).map(([name, [{ zod }, isOptional]]) => [name, isOptional ? zod.optional() : zod]),
        );
        const required = Object.keys(fields).filter((name) => fields[name]?.[1] === false);
        const values = Object.fromEntries(Object.entries(fields).map(([name, [{ values: of }]]) => [name, of]));
        return {
          zod: isStrict ? z.strictObject(shape) : z.object(shape),
          values: fc.record(values, { requiredKeys: required, noNullPrototype: true }),
        };
      }),
    ),
}));

/** A reader's schema and a written one: often two that have little to do with each other, often one beside a change. */
export const schemas: fc.Arbitrary<readonly [Generated, Generated]> = fc.oneof(
  fc.tuple(any, any),
  fc
    .tuple(any, any)
    .map(([one, other]): [Generated, Generated] => [
      { zod: z.union([one.zod, other.zod]), values: fc.oneof(one.values, other.values) },
      one,
    ]),
  fc.tuple(any, any, fc.boolean(), fc.boolean()).map(([one, other, isSwapped, isOptional]): [Generated, Generated] => {
    const few = { zod: z.object({ a: one.zod }), values: fc.record({ a: one.values }) };
    const more = {
      zod: z.object({ a: one.zod, b: isOptional ? other.zod.optional() : other.zod }),
      values: fc.record({ a: one.values, b: other.values }, { requiredKeys: isOptional ? ['a'] : ['a', 'b'] }),
    };
    return isSwapped ? [more, few] : [few, more];
  }),
);
