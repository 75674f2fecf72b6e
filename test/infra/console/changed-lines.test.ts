import { expect, test } from 'vitest';
import { changedLines } from '../../../infra/console/pages/changed-lines.ts';

test.each([
  ['a\nb\nc', 'a\nx\nc', ['-b', '+x']],
  ['a\nb', 'a\nb', []],
  ['a', 'a\nb', ['+b']],
  ['a\na', 'a', ['-a']],
  ['', 'x', ['-', '+x']],
])('of %j and %j are %j', (before, after, changed) => {
  expect(changedLines(before, after).map(({ sign, line }) => `${sign}${line}`)).toEqual(changed);
});
