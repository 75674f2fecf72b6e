import { expect, test } from 'vitest';
import { z } from 'zod';
import { postgresQuerySource } from '../../../../functions/sources/postgres-query/postgres-query.ts';

const common = { schema: z.object({ id: z.int() }), type: 'item.changed', key: 'id' } as const;

test.each([
  [
    'both a table and a query',
    { table: 'a', query: 'SELECT 1', incrementing: 'id' },
    "give 'table' or 'query', one of them",
  ],
  ['neither', {}, "give 'table' or 'query', one of them"],
  ['a query without a number', { query: 'SELECT 1' }, "is missing: 'query' needs it"],
  ['a number without a query', { table: 'a', incrementing: 'id' }, "is for 'query': use limitedBy"],
  [
    'a limit of a query',
    { query: 'SELECT 1', incrementing: 'id', limitedBy: { incrementing: 'id' } },
    'limit the query itself',
  ],
  ['a table with two points', { table: 'a.b.c' }, "is 'table' or 'schema.table'"],
])('a pipeline with %s is refused when it is loaded', (_, more, says) => {
  expect(() => postgresQuerySource({ ...common, ...more })).toThrow(says);
});
