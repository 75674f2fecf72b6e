import { expect, test } from 'vitest';
import { hasColumns } from '../../../functions/table-state/join-columns.ts';

const LEFT = 'join 1 of customers by 26381645fc12: ';
const text = (left: string, right: string, on = '26381645fc12'): string => `${LEFT}${left}; scores by ${on}: ${right}`;
const both = text('c.city text, c.name text', 's.points integer');

test.each([
  ['the same columns', both, true],
  ['fewer columns', text('c.name text', ''), true],
  ['another column', text('c.name text, c.segment text', 's.points integer'), false],
  ['another type', text('c.name text', 's.points numeric(12, 2)'), false],
  ['another ON', text('c.name text', 's.points integer', 'ffff1645fc12'), false],
  ['a column whose name is like two', text('c.city text, c.name text', 's.x text, s.y text'), false],
])('a join of two tables with %s than before: its stream has all of them, or not', (_, now, has) => {
  expect(hasColumns(both, now)).toBe(has);
});

test('texts of another form are the same, or nobody knows', () => {
  expect(hasColumns('join 2: x', 'join 2: x')).toBe(true);
  expect(hasColumns('join 2: x', 'join 2: y')).toBe(false);
  expect(hasColumns(undefined, both)).toBe(false);
  const odd = text('c."a, b" text', '');
  expect(hasColumns(odd, text('c."a, b" text', ' '))).toBe(false);
});
