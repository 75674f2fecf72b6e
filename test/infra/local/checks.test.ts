import { expect, test } from 'vitest';
import { repeats, sameEntries } from '../../../infra/local/demo/checks.ts';

test.each([
  { what: 'the same in another order', found: ['b', 'a', 'a'], missing: 0, wrong: 0 },
  { what: 'one missing', found: ['a', 'b'], missing: 1, wrong: 0 },
  { what: 'one duplicated', found: ['a', 'a', 'b', 'b'], missing: 0, wrong: 1 },
  { what: 'one changed', found: ['a', 'a', 'c'], missing: 1, wrong: 1 },
])('sameEntries finds $what', ({ found, missing, wrong }) => {
  expect(sameEntries('letters', ['a', 'a', 'b'], found)).toEqual([
    { what: 'letters', expected: 3, found: found.length },
    { what: 'letters: missing', expected: 0, found: missing },
    { what: 'letters: duplicated or changed', expected: 0, found: wrong },
  ]);
});

test('repeats counts events that have the source and sequence of another', () => {
  const event = (source: string, sequence: string) => ({ source, sequence });
  expect(repeats([event('a', '1'), event('a', '2'), event('b', '1')])).toBe(0);
  expect(repeats([event('a', '1'), event('a', '1'), event('a', '1')])).toBe(2);
});
