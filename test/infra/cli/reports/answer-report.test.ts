import { expect, test } from 'vitest';
import type { Answer } from '../../../../functions/clients/query.ts';
import { answerText, cutText } from '../../../../infra/cli/reports/answer-report.ts';

const answer: Answer = {
  columns: [
    { name: 'item', type: 25 },
    { name: 'total', type: 1700 },
    { name: 'open', type: 16 },
    { name: 'more', type: 3802 },
  ],
  rows: [
    ['tea, "green"', '90071992547409930001.50', 't', '{"a":\n1.0}'],
    ['', 'NaN', 'f', null],
    [null, null, null, 'null'],
  ],
};

test('a table shows every value as Postgres writes it, and counts the rows', () => {
  expect(answerText(answer, 'table').split('\n')).toEqual([
    'item                            total  open  more',
    '────────────  ───────────────────────  ────  ──────────',
    'tea, "green"  90071992547409930001.50  t     {"a": 1.0}',
    '              NaN                      f     NULL',
    'NULL          NULL                     NULL  null',
    '',
    '3 rows',
  ]);
});

test('lines of JSON keep all digits of a number, and JSON stays JSON', () => {
  expect(answerText(answer, 'json').split('\n')).toEqual([
    '{"item":"tea, \\"green\\"","total":90071992547409930001.50,"open":true,"more":{"a": 1.0}}',
    '{"item":"","total":"NaN","open":false,"more":null}',
    '{"item":null,"total":null,"open":null,"more":null}',
  ]);
  const twice = { columns: [answer.columns[0]!, answer.columns[0]!], rows: [] };
  expect(() => answerText(twice, 'json')).toThrow(`two columns have the name 'item'`);
});

test('CSV tells null from an empty text', () => {
  expect(answerText(answer, 'csv')).toBe(
    'item,total,open,more\n"tea, ""green""",90071992547409930001.50,t,"{""a"":\n1.0}"\n"",NaN,f,\n,,,null',
  );
});

test('an answer that was cut says why, and how to get more', () => {
  const limits = { mostMillis: 30_000 };
  expect(cutText(answer, limits)).toBeUndefined();
  expect((['rows', 'time', 'bytes'] as const).map((cut) => cutText({ ...answer, cut }, limits))).toEqual([
    'cut after 3 rows: there are more; show more with --limit (at most 100000)',
    'cut after 3 rows: 30 s were over; allow more with --timeout (at most 300)',
    'cut after 3 rows: an answer has at most 4 MiB; select fewer columns, or fewer rows at a time',
  ]);
});
