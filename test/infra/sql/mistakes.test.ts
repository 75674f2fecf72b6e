import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { planFor } from '../../../infra/sql/compile.ts';
import { SqlMistake } from '../../../infra/sql/syntax/source-position.ts';
import { MISTAKES } from './mistakes.ts';

const Order = z.object({
  order_id: z.int(),
  status: z.string().nullable(),
  sales: z.number(),
  paid: z.boolean(),
  tags: z.array(z.string()),
  items: z.array(z.object({ sku: z.string(), qty: z.int32() })),
  address: z.object({ city: z.string() }),
  payload: z.json(),
  uid: z.uuid(),
});

const cases = MISTAKES.flatMap(([about, rows]) =>
  rows.map(([marked, problem, hint]) => ({ about, marked, problem, hint })),
);

describe('a mistake is reported with its position and a hint', () => {
  test.each(cases)('$about: $marked', async ({ marked, problem, hint }) => {
    const text = marked.replace('‸', '');
    const found = await planFor({ file: 'q.sql', text }, Order, { from: 'orders', to: 'completed' }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(found).toBeInstanceOf(SqlMistake);
    expect((found as SqlMistake).message).toBe(shown(marked, problem, hint));
  });
});

/** Formats a mistake: file, line and column, the line itself, a caret under the position, and the hint. */
function shown(marked: string, problem: string, hint: string | undefined): string {
  const before = marked.slice(0, marked.indexOf('‸')).split('\n');
  const line = marked.split('\n')[before.length - 1]?.replace('‸', '') ?? '';
  const column = Array.from(before.at(-1) ?? '').length + 1;
  const margin = `${before.length} | `;
  const lines = [
    `q.sql:${before.length}:${column}: ${problem}`,
    margin + line,
    `${' '.repeat(margin.length + column - 1)}^`,
  ];
  return [...lines, ...(hint === undefined ? [] : [`  hint: ${hint}`])].join('\n');
}

test('an unknown column that resembles no other is reported with the list of columns', async () => {
  const statement = planFor({ file: 'q.sql', text: 'SELECT quantity FROM orders' }, z.object({ a: z.string() }));
  await expect(statement).rejects.toThrow('hint: the columns are a, key, time, source, id, type');
});
