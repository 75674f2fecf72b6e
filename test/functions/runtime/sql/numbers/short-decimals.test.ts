import fc from 'fast-check';
import { expect, test } from 'vitest';
import { averageOfDecimals, sumOfDecimals } from '../../../../../functions/runtime/sql/aggregates/sums.ts';
import { addDecimals } from '../../../../../functions/runtime/sql/numbers/decimal-arithmetic.ts';
import type { Decimal } from '../../../../../functions/runtime/sql/numbers/decimals.ts';
import { finite, NAN } from '../../../../../functions/runtime/sql/numbers/decimals.ts';
import { shortened } from '../../../../../functions/runtime/sql/numbers/short-decimals.ts';

const decimal = fc
  .tuple(fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }), fc.integer({ min: 0, max: 18 }))
  .map(([digits, scale]) => finite(digits, scale));

test('sums of short decimals are exact, also where they become long', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(decimal, fc.constant(NAN)), { minLength: 1, maxLength: 8 }), (values) => {
      const exact = values.reduce<Decimal>(addDecimals, finite(0n, 0));
      const short = values.map(shortened).reduce<ReturnType<typeof sumOfDecimals.start>>(sumOfDecimals.add, null);
      expect(sumOfDecimals.result(short)).toEqual(exact);
      const average = values.map(shortened).reduce(averageOfDecimals.add, averageOfDecimals.start());
      expect(averageOfDecimals.save(average)).toEqual([BigInt(values.length), exact]);
      const [half, rest] = [values.slice(0, 2), values.slice(2)].map((part) =>
        part.map(shortened).reduce<ReturnType<typeof sumOfDecimals.start>>(sumOfDecimals.add, null),
      );
      const merged = sumOfDecimals.merge(half ?? null, rest ?? null, []);
      expect(sumOfDecimals.result(sumOfDecimals.load(sumOfDecimals.save(merged)))).toEqual(exact);
    }),
  );
});
