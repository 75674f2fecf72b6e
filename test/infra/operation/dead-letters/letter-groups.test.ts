import { expect, test } from 'vitest';
import type { KnownLetter } from '../../../../infra/operation/dead-letters/dead-letters.ts';
import { groupLetters } from '../../../../infra/operation/dead-letters/letter-groups.ts';

const letter = (more: Partial<KnownLetter>): KnownLetter =>
  ({ pipeline: 'p', step: 's', reason: 'schema', message: '', id: 'p/s/1', ...more }) as KnownLetter;

test('groups dead letters by step, reason and field, whatever the values are; the largest group is first', () => {
  const groups = groupLetters([
    letter({ reason: 'transform', message: 'no rate for "EUR"' }),
    letter({ message: 'total: is "12,50", not a number' }),
    letter({ message: 'total: is "x", not a number' }),
    letter({ message: 'quantity: is -3, at least 1' }),
    letter({ message: 'column "total" must be numeric, not "y"', step: 'other' }),
  ]);
  expect(groups.map(({ step, reason, pattern, letters }) => [step, reason, pattern, letters.length])).toEqual([
    ['s', 'schema', 'total: is …, not a number', 2],
    ['s', 'transform', 'no rate for …', 1],
    ['s', 'schema', 'quantity: is …, at least …', 1],
    ['other', 'schema', 'column "total" must be numeric, not …', 1],
  ]);
});
