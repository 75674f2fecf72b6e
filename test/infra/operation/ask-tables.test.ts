import { expect, test } from 'vitest';
import type { Reply } from '../../../functions/clients/query.ts';
import { askTables } from '../../../infra/operation/ask-tables.ts';

const answering = (reply: Reply) => ({ ask: async () => reply });
const never = {
  ask: async () => {
    throw new Error('asked');
  },
};

const ask = (statement: string, target: Parameters<typeof askTables>[0] = never) =>
  askTables(target, { schema: 'shop', statement, mostRows: 10, mostMillis: 30_000 }, new AbortController().signal);

test.each([
  [
    '  UPDATE basket SET item = 1',
    'query:1:3: a query reads and changes nothing: use SELECT, VALUES, TABLE or EXPLAIN, not UPDATE',
  ],
  ['SELECT 1;\nDROP TABLE basket', 'query:2:1: there is more than one statement: ask one question at a time'],
  [' ', 'the statement is empty'],
])('%j is refused before it is sent', async (statement, message) => {
  await expect(ask(statement)).rejects.toThrow(message);
});

test.each([
  'SELECT 1',
  'TABLE basket',
  'VALUES (1)',
  'EXPLAIN SELECT 1',
  'WITH a AS (SELECT 1) SELECT * FROM a',
  'SELECT FROM FROM',
])('%s is sent', async (statement) => {
  await expect(ask(statement)).rejects.toThrow('asked');
});

test("Postgres's refusal is shown in its words, with a caret at the place and what to do", async () => {
  const refusal = { message: 'relation "baskett" does not exist', code: '42P01', position: 22 };
  await expect(ask('SELECT \u{1f6d2}, 1\n  FROM baskett', answering({ refusal }))).rejects.toThrow(
    [
      'query:2:10: relation "baskett" does not exist',
      '2 |   FROM baskett',
      '             ^',
      "  hint: a table of pipeline 'shop' appears when its step first runs; other schemas need their names",
    ].join('\n'),
  );
  const denied = { message: 'permission denied for table prices', code: '42501' };
  await expect(ask('TABLE prices', answering({ refusal: denied }))).rejects.toThrow(
    'GRANT SELECT ON prices TO millrace_reader',
  );
  const late = { message: 'canceling statement due to statement timeout', code: '57014' };
  await expect(ask('TABLE prices', answering({ refusal: late }))).rejects.toThrow(
    'the statement had no row after 30 s, and was ended (canceling statement due to statement timeout)',
  );
});
