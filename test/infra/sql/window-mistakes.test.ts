import { expect, test } from 'vitest';
import { checkStatement } from '../../../infra/sql/check/statement.ts';
import type { Column } from '../../../infra/sql/plan/sql-type.ts';
import { scalar } from '../../../infra/sql/plan/sql-type.ts';
import { expectMistake, type MarkedMistake } from './marked-mistake.ts';

const columns: readonly Column[] = [
  { name: 'region', type: scalar('text'), nullable: true },
  { name: 'sales', type: scalar('numeric'), nullable: true },
  { name: 'time', type: scalar('timestamptz'), nullable: true },
  { name: 'sent', type: scalar('text'), nullable: true },
];

const SELECT = 'SELECT region, count(*) AS n FROM input';
const BY = 'GROUP BY region';
const TUMBLING = 'write WINDOW TUMBLING (SIZE 15 MINUTES)';
const HOPPING = 'write WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 15 MINUTES)';
const UNITS = 'the units are MILLISECONDS, SECONDS, MINUTES, HOURS and DAYS';
const OPTIONS = 'write (SIZE 15 MINUTES, RETENTION 30 DAYS, GRACE PERIOD 1 HOUR)';
const FINAL_HINT = 'add WINDOW TUMBLING (SIZE 15 MINUTES) after FROM, or write EMIT CHANGES';

/** What is wrong at the caret, and the hint if there is one. */
const MISTAKES: readonly MarkedMistake[] = [
  [`${SELECT} WINDOW TUMBLING (SIZE ‸0 MINUTES) ${BY}`, 'SIZE must be longer than 0'],
  [`${SELECT} WINDOW SESSION (‸0 SECONDS) ${BY}`, 'the gap of SESSION must be longer than 0'],
  [`${SELECT} WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY ‸0 HOURS) ${BY}`, 'ADVANCE BY must be longer than 0'],
  [
    `${SELECT} WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY ‸2 HOURS) ${BY}`,
    'ADVANCE BY is longer than SIZE: the events between two windows would be in none',
    'ADVANCE BY is at most SIZE; with the same length write TUMBLING',
  ],
  [
    `${SELECT} WINDOW HOPPING (SIZE 1 DAY, ADVANCE BY ‸1 MINUTE) ${BY}`,
    'each event would be in 1,440 windows, and at most 300 are supported',
    'advance by a longer time, or take a shorter SIZE',
  ],
  [
    'SELECT count(*) AS n FROM input ‸WINDOW TUMBLING (SIZE 1 HOUR)',
    'WINDOW needs GROUP BY',
    'write FROM … WINDOW … GROUP BY <columns>; every group has windows of its own',
  ],
  [
    'SELECT region FROM input ‸WINDOW TUMBLING (SIZE 1 HOUR)',
    'WINDOW needs GROUP BY',
    'write FROM … WINDOW … GROUP BY <columns>; every group has windows of its own',
  ],
  [`${SELECT} ${BY} ‸EMIT FINAL`, 'EMIT FINAL needs WINDOW: without one, a group never ends', FINAL_HINT],
  ['SELECT region FROM input ‸EMIT FINAL', 'EMIT FINAL needs WINDOW: without one, a group never ends', FINAL_HINT],
  [`${SELECT} ${BY} EMIT CHANGES ‸EMIT FINAL`, 'there are two of EMIT', 'leave one of them out'],
  [
    `${SELECT} WINDOW SESSION (1 HOUR) ‸WINDOW SESSION (1 HOUR) ${BY}`,
    'there are two of WINDOW',
    'leave one of them out',
  ],
  [`${SELECT} WINDOW TUMBLING (SIZE 15 ‸FORTNIGHTS) ${BY}`, 'there is no unit FORTNIGHTS', UNITS],
  [`${SELECT} WINDOW TUMBLING (SIZE 2 ‸WEEKS) ${BY}`, 'there is no unit WEEKS', 'write 7 DAYS'],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 ‸MONTH) ${BY}`,
    'there is no unit MONTH',
    "its length differs: write a number of days, or group by date_trunc('month', …) without WINDOW",
  ],
  [`${SELECT} WINDOW TUMBLING (SIZE 15‸) ${BY}`, 'SIZE takes a unit after its number', UNITS],
  [
    `${SELECT} WINDOW TUMBLING (SIZE ‸1.5 HOURS) ${BY}`,
    'SIZE takes a whole number and a unit',
    'write SIZE 15 MINUTES',
  ],
  [`${SELECT} WINDOW TUMBLING (SIZE ‸-1 HOURS) ${BY}`, 'SIZE takes a whole number and a unit', 'write SIZE 15 MINUTES'],
  [
    `${SELECT} WINDOW SESSION (‸MINUTES) ${BY}`,
    'the gap of SESSION takes a whole number and a unit',
    'write SESSION (15 MINUTES)',
  ],
  [
    `${SELECT} WINDOW TUMBLING (SIZE ‸4000 DAYS) ${BY}`,
    'SIZE is longer than 3,653 days',
    'leave WINDOW out to keep one group for all times',
  ],
  [`${SELECT} WINDOW TUMBLING ‸15 MINUTES ${BY}`, 'expected (', TUMBLING],
  [`${SELECT} WINDOW TUMBLING (‸15 MINUTES) ${BY}`, 'expected SIZE', TUMBLING],
  [`${SELECT} WINDOW HOPPING (SIZE 15 MINUTES‸) ${BY}`, 'expected ,', HOPPING],
  [`${SELECT} WINDOW HOPPING (SIZE 15 MINUTES, ‸5 MINUTES) ${BY}`, 'expected ADVANCE', HOPPING],
  [`${SELECT} WINDOW TUMBLING (SIZE 15 MINUTES ‸${BY}`, 'expected )', TUMBLING],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 15 MINUTES, ‸ADVANCE BY 5 MINUTES) ${BY}`,
    'expected GRACE PERIOD or RETENTION',
    OPTIONS,
  ],
  [`${SELECT} WINDOW TUMBLING (SIZE 1 HOUR, GRACE ‸1 HOUR) ${BY}`, 'expected PERIOD', 'write GRACE PERIOD 1 HOUR'],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR, GRACE PERIOD 1 HOUR, ‸GRACE PERIOD 2 HOURS) ${BY}`,
    'there are two of GRACE PERIOD',
  ],
  [
    `${SELECT} WINDOW ‸SLIDING (SIZE 1 HOUR) ${BY}`,
    'there are no windows of the kind SLIDING',
    'use TUMBLING, HOPPING or SESSION',
  ],
  [
    `${SELECT} WINDOW ‸TUMBLIN (SIZE 1 HOUR) ${BY}`,
    'there are no windows of the kind TUMBLIN',
    'did you mean TUMBLING?',
  ],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR, RETENTION ‸24 HOURS) ${BY}`,
    'RETENTION is shorter than SIZE and the grace period together, so windows would be dropped while they take events',
    'the grace period is 24 hours unless you write GRACE PERIOD 1 HOUR',
  ],
  [
    `${SELECT} WINDOW SESSION (1 HOUR, GRACE PERIOD 1 HOUR, RETENTION ‸119 MINUTES) ${BY}`,
    'RETENTION is shorter than the gap and the grace period together, so windows would be dropped while they take events',
  ],
  [
    `SELECT region, ‸windowstart FROM input WINDOW TUMBLING (SIZE 1 HOUR) ${BY}`,
    'there is no column "windowstart"',
    'write window_start',
  ],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY region, ‸window_start`,
    '"window_start" is not allowed in GROUP BY: every group has windows of its own',
    'leave it out; it can be selected',
  ],
  [
    `SELECT max(‸window_start) AS m FROM input WINDOW TUMBLING (SIZE 1 HOUR) ${BY}`,
    'there is no column "window_start"',
    'the columns are region, sales, time, sent, key, source, id, type',
  ],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR) WHERE ‸window_start > '2026-01-01' ${BY}`,
    'there is no column "window_start"',
    'the columns are region, sales, time, sent, key, source, id, type',
  ],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR) ${BY} TIMESTAMP BY ‸sales`,
    'the time of a line must be a timestamptz, a timestamp or a date, not numeric',
    'cast a text, as in (…)::timestamptz; to_timestamp(…) takes seconds since 1970',
  ],
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR) ${BY} TIMESTAMP BY ‸max(sales)`,
    'aggregate functions are not allowed in TIMESTAMP BY',
  ],
  [
    `${SELECT} ${BY} ‸TIMESTAMP BY time`,
    'TIMESTAMP BY is not supported with GROUP BY, aggregates and DISTINCT ON: they make the rows of a table',
    'leave it out: a row has the key that GROUP BY or DISTINCT ON gives it',
  ],
  // Behind a clause that was taken out, positions are still those of the text.
  [
    `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR /* größer */) WHERE ‸sale > 1 ${BY}`,
    'there is no column "sale"',
    'did you mean "sales"?',
  ],
];

test.each(MISTAKES.map((mistake) => ({ mistake })))('$mistake.0', async ({ mistake }) => {
  await expectMistake(mistake, 'q', (text) => checkStatement({ file: 'q', text }, { columns, ofFiles: true }));
});

test.each([
  [
    `CREATE TABLE t AS ${SELECT} WINDOW TUMBLING (SIZE 1 HOUR) ${BY}`,
    't.sql:1:26: the SELECT list has not window_start, so the windows of a group could not be told apart',
  ],
  [
    `CREATE TABLE t AS SELECT region, window_start FROM input WINDOW TUMBLING (SIZE 1 HOUR) ${BY} TIMESTAMP BY time`,
    't.sql:1:104: TIMESTAMP BY is not supported with GROUP BY',
  ],
])('in a table is refused: %s', async (text, message) => {
  await expect(checkStatement({ file: 't.sql', text }, { columns, makes: 'table' })).rejects.toThrow(message);
});

test('a file without a column "time" needs TIMESTAMP BY', async () => {
  const text = `${SELECT} WINDOW TUMBLING (SIZE 1 HOUR) ${BY}`;
  const without = columns.filter(({ name }) => name !== 'time');
  await expect(checkStatement({ file: 'q', text }, { columns: without, ofFiles: true })).rejects.toThrow(
    [
      'q:1:41: a line of a file has no event time, and WINDOW needs one',
      `1 | ${text}`,
      `${' '.repeat(44)}^`,
      '  hint: end the statement with the time of a line, as in TIMESTAMP BY ordered::timestamptz; a column "time" is taken without it',
    ].join('\n'),
  );
});

test.each([
  `SELECT 'WINDOW TUMBLING (SIZE 1 HOUR)' AS region FROM input`,
  'SELECT region FROM input -- WINDOW TUMBLING (SIZE 1 HOUR) EMIT FINAL',
  'SELECT region AS "WINDOW" FROM input /* WINDOW SESSION (1 HOUR) */',
  'SELECT sent AS emit, region AS final FROM input',
  'SELECT size.region AS tumbling, size.sales AS session FROM input AS size',
])('the words of windows mean nothing in texts, comments and names: %s', async (text) => {
  const plan = await checkStatement({ file: 'q', text }, { columns, ofFiles: true });
  expect(plan.grouping).toBeUndefined();
});

test.each([
  [
    'TUMBLING (SIZE 15 MINUTES)',
    { kind: 'tumbling', size: 900_000, advance: 900_000, grace: 86_400_000, retention: 604_800_000 },
  ],
  [
    'tumbling(size 1 hour,grace period 0 seconds,retention 30 days)',
    { size: 3_600_000, grace: 0, retention: 2_592_000_000 },
  ],
  ['TUMBLING (SIZE 1 DAY, RETENTION 30 DAYS, GRACE PERIOD 1 HOUR)', { size: 86_400_000, grace: 3_600_000 }],
  ['TUMBLING (SIZE 10 DAYS)', { retention: 11 * 86_400_000 }],
  ['HOPPING (SIZE 1 HOUR, ADVANCE BY 25 MINUTES)', { kind: 'hopping', size: 3_600_000, advance: 1_500_000 }],
  ['SESSION (500 MILLISECONDS)', { kind: 'session', size: 500, advance: 0 }],
])('WINDOW %s is read', async (window, expected) => {
  const text = `${SELECT} WINDOW ${window} ${BY} EMIT FINAL;`;
  const plan = await checkStatement({ file: 'q', text }, { columns, ofFiles: true });
  expect(plan.grouping?.window).toMatchObject({ ...expected, emit: 'final' });
});
