import { expect } from 'vitest';
import { SqlMistake } from '../../../infra/sql/syntax/source-position.ts';

/** A statement in which ‸ stands where the mistake is, what is wrong, and what helps. */
export type MarkedMistake = readonly [marked: string, problem: string, hint?: string];

/** Expects that a statement is refused with the file, line and column, the line itself, a caret, and the hint. */
export async function expectMistake(
  [marked, problem, hint]: MarkedMistake,
  file: string,
  check: (text: string) => Promise<unknown>,
): Promise<void> {
  const found: unknown = await check(marked.replace('‸', '')).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(found).toBeInstanceOf(SqlMistake);
  const before = marked.slice(0, marked.indexOf('‸')).split('\n');
  const line = marked.split('\n')[before.length - 1]?.replace('‸', '') ?? '';
  const column = Array.from(before.at(-1) ?? '').length + 1;
  const margin = `${before.length} | `;
  const lines = [
    `${file}:${before.length}:${column}: ${problem}`,
    margin + line,
    `${' '.repeat(margin.length + column - 1)}^`,
  ];
  expect((found as SqlMistake).message).toBe([...lines, ...(hint === undefined ? [] : [`  hint: ${hint}`])].join('\n'));
}
