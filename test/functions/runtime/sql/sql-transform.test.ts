import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import { SqlError } from '../../../../functions/runtime/sql/errors/sql-error.ts';
import { createWriter } from '../../../../functions/runtime/sql/json/json-writer.ts';
import type { Row } from '../../../../functions/runtime/sql/row/row.ts';
import { createRow } from '../../../../functions/runtime/sql/row/row.ts';
import { readSlowly } from '../../../../functions/runtime/sql/row/row-slow.ts';
import type { Statement } from '../../../../functions/runtime/sql/sql-transform.ts';
import { runStatement, sqlTransform } from '../../../../functions/runtime/sql/sql-transform.ts';
import { planFor } from '../../../../infra/sql/compile.ts';
import { statementOf } from '../../../../infra/sql/emit/statement-of.ts';
import { canonical, hostileBytes } from './scan/hostile-json.ts';

const Hostile = z.object({
  a: z.number().nullable(),
  status: z.string().nullable(),
  é: z.array(z.string()).nullable(),
  nested: z.json(),
});
const STATEMENTS = [
  'SELECT * FROM hostile',
  "SELECT status, a FROM hostile WHERE status = 'COMPLETE' OR a > 0",
  "SELECT a AS b, nested, upper(status) AS s, nested -> 'a' AS inner FROM hostile WHERE status <> 'x' OR status IS NULL",
  "SELECT nested FROM hostile WHERE status = 'COMPLETE'",
];
const ATTRIBUTES = { key: 'k', time: '2026-01-01T00:00:00Z', source: 's', id: 'i', type: 't' };

/** More columns than there are: when WHERE reads this many, every event is read to its end. */
const ALL = 1000;

/** Returns the outputs of a statement as canonical JSON, or `rejected`. `run` reads the row. */
function outputs(run: (target: Parameters<Statement['select']>[2]) => void): readonly string[] | 'rejected' {
  const writer = createWriter(16);
  const made: string[] = [];
  const emit = (): void => {
    made.push(canonical(writer.buffer.toString('utf8', 0, writer.length)));
    writer.length = 0;
  };
  try {
    run({ writer, emit });
  } catch (error) {
    if (error instanceof EventRejected || error instanceof SqlError) return 'rejected';
    throw error;
  }
  return made;
}

function slowly(statement: Statement, row: Row, target: Parameters<Statement['select']>[2]): void {
  if (statement.where === undefined || statement.where(row, ATTRIBUTES)) statement.select(row, ATTRIBUTES, target);
}

test.each(STATEMENTS)('%s has the same outputs whether events are scanned or read with JSON.parse', async (text) => {
  const statement = statementOf(await planFor({ file: 'test.sql', text }, Hostile));
  const row = createRow(statement.columns);
  fc.assert(
    fc.property(hostileBytes, (bytes) => {
      const fast = outputs((target) =>
        runStatement({ ...statement, whereReads: ALL }, { row, event: ATTRIBUTES, bytes, target }),
      );
      const slow = outputs((target) => {
        const other = createRow(statement.columns);
        readSlowly(other, bytes);
        slowly(statement, other, target);
      });
      expect(fast).toEqual(slow);
      const stopped = outputs((target) => runStatement(statement, { row, event: ATTRIBUTES, bytes, target }));
      // If WHERE is false, the rest of the event is not read, so errors in it are not noticed. Nothing else may differ.
      if (stopped.length !== 0 || slow !== 'rejected') expect(stopped).toEqual(slow);
    }),
    { numRuns: 1500 },
  );
});

test('outputs keep type, key and time of their event, and later events do not change them', async () => {
  const plan = await planFor({ file: 'test.sql', text: 'SELECT a, status FROM hostile WHERE a > 0' }, Hostile);
  const transform = sqlTransform({
    entry: '',
    streams: { from: 'events' },
    from: Hostile,
    to: Hostile,
    ...statementOf(plan),
  });
  const event = (a: number): ReceivedEvent =>
    ({
      ...ATTRIBUTES,
      key: `k${a}`,
      dataBytes: Buffer.from(JSON.stringify({ a, status: 'x'.repeat(1000), é: null, nested: 1 })),
    }) as unknown as ReceivedEvent;
  const made = Array.from({ length: 3000 }, (_, i) => transform.run(event(i)));
  expect(made[0]).toEqual([]);
  for (const [i, [output]] of made.entries()) {
    if (i === 0) continue;
    expect(output).toMatchObject({ type: 't', key: `k${i}`, time: ATTRIBUTES.time });
    expect(Buffer.from(output!.dataBytes).toString()).toBe(`{"a":${i},"status":"${'x'.repeat(1000)}"}`);
  }
});

const Sent = z.object({
  at: z.iso.datetime({ offset: true }).nullable(),
  text: z.string().nullable(),
  seconds: z.number(),
  list: z.array(z.string()),
});

/** Runs a statement on one event that arrived at the time of `ATTRIBUTES`. */
async function timed(text: string, data: object) {
  const plan = await planFor({ file: 'test.sql', text }, Sent);
  const statement = statementOf(plan);
  const transform = sqlTransform({ entry: '', streams: { from: 'sent' }, from: Sent, to: Sent, ...statement });
  const whole = { at: null, text: null, seconds: 0, list: [], ...data };
  const event = { ...ATTRIBUTES, dataBytes: Buffer.from(JSON.stringify(whole)) } as unknown as ReceivedEvent;
  return transform.run(event).map(({ key, time }) => ({ key, time }));
}

test.each([
  ['at', { at: '2025-03-09T12:30:00.123456+02:00' }, '2025-03-09T10:30:00.123456Z'],
  ['coalesce(at, time)', {}, ATTRIBUTES.time],
  ['text::date', { text: '2024-02-29' }, '2024-02-29T00:00:00Z'],
  ['text::timestamp', { text: '2024-02-29 23:59' }, '2024-02-29T23:59:00Z'],
  ['to_timestamp(seconds)', { seconds: 1_762_000_000.5 }, '2025-11-01T12:26:40.5Z'],
  ['to_timestamp(seconds / 1000.0)', { seconds: 1_762_000_000_500 }, '2025-11-01T12:26:40.5Z'],
  ["'2026-01-31'", {}, '2026-01-31T00:00:00Z'],
  ['text::date', { text: '0001-01-01' }, '0001-01-01T00:00:00Z'],
  ['text::timestamptz', { text: '9999-12-31T23:59:59.999999Z' }, '9999-12-31T23:59:59.999999Z'],
])('TIMESTAMP BY %s sets the time of the outputs, in RFC 3339', async (expression, data, time) => {
  const select = 'SELECT text FROM sent';
  expect(await timed(`${select} TIMESTAMP BY ${expression}`, data)).toEqual([{ key: 'k', time }]);
  const keyed = [{ key: 'a', time }];
  expect(await timed(`${select} PARTITION BY 'a' TIMESTAMP BY ${expression}`, data)).toEqual(keyed);
  expect(await timed(`${select} TIMESTAMP BY ${expression} PARTITION BY 'a';`, data)).toEqual(keyed);
});

test('TIMESTAMP BY gives each element of an unnested list a time of its own', async () => {
  const text =
    'SELECT day FROM sent, unnest(list) AS day WHERE day IS NOT NULL TIMESTAMP BY day::date PARTITION BY day';
  expect(await timed(text, { list: ['2026-01-01', '2026-01-02'] })).toEqual([
    { key: '2026-01-01', time: '2026-01-01T00:00:00Z' },
    { key: '2026-01-02', time: '2026-01-02T00:00:00Z' },
  ]);
});

test.each<[expression: string, data: object, message: string]>([
  ['at', {}, 'TIMESTAMP BY is null, and an event needs a time: use COALESCE(…, time) (SQLSTATE 22004)'],
  ['text::timestamptz', { text: 'soon' }, 'invalid input syntax for type timestamp with time zone: "soon"'],
  ['text::timestamptz', { text: '2026-02-30' }, 'date/time field value out of range: "2026-02-30"'],
  ...['infinity', '-infinity', '0001-12-31 00:00:00+00 BC', '10000-01-01 00:00:00+00'].map(
    (text): [string, object, string] => [
      'text::timestamptz',
      { text },
      `the time that TIMESTAMP BY gives is ${text}, but an event's time lies in the years 1 to 9999 (SQLSTATE 22008)`,
    ],
  ),
])(
  'an event whose TIMESTAMP BY %s gives no time for %j is rejected at its position',
  async (expression, data, message) => {
    const run = timed(`SELECT seconds FROM sent\nTIMESTAMP BY ${expression}`, data);
    await expect(run).rejects.toThrow(EventRejected);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toThrow('at test.sql:2:14');
  },
);

test('a column that is called timestamp may get the name by', async () => {
  const Named = z.object({ timestamp: z.string(), partition: z.string() });
  const plan = await planFor({ file: 'test.sql', text: 'SELECT timestamp by, partition FROM sent' }, Named);
  expect(plan.outputs.map(({ name }) => name)).toEqual(['by', 'partition']);
  expect(plan.timestampBy).toBeUndefined();
});

test('a rejected event leaves nothing in the outputs of other events', async () => {
  const plan = await planFor({ file: 'test.sql', text: 'SELECT status, 1 / a AS x FROM hostile' }, Hostile);
  const transform = sqlTransform({
    entry: '',
    streams: { from: 'events' },
    from: Hostile,
    to: Hostile,
    ...statementOf(plan),
  });
  const run = (a: number) =>
    transform.run({
      ...ATTRIBUTES,
      dataBytes: Buffer.from(JSON.stringify({ a, status: 's' })),
    } as unknown as ReceivedEvent);
  expect(() => run(0)).toThrow('division by zero');
  expect(run(2).map(({ dataBytes }) => Buffer.from(dataBytes).toString())).toEqual([
    '{"status":"s","x":0.50000000000000000000}',
  ]);
});

test.each([
  [
    'a name that comes again and changes its mind',
    '{"status":"NEW","a":1,"status":"COMPLETE","nested":1}',
    ['{"a":1,"status":"COMPLETE"}'],
  ],
  ['a name that comes again the other way', '{"status":"COMPLETE","a":1,"status":"NEW","nested":1}', []],
  ['a name that is only a value', '{"status":"NEW","a":1,"nested":"status"}', []],
  ['a name inside of a nested object', '{"status":"NEW","a":1,"nested":{"status":"COMPLETE"}}', []],
  ['a name at the very end', '{"a":1,"status":"NEW","nested":1,"status":"COMPLETE"}', ['{"a":1,"status":"COMPLETE"}']],
  ['no such name', '{"a":1,"nested":1}', []],
])('an event for which WHERE is false halfway is not read to its end, except with %s', async (_, text, expected) => {
  const plan = await planFor(
    { file: 'test.sql', text: "SELECT a, status FROM hostile WHERE status = 'COMPLETE'" },
    Hostile,
  );
  const statement = statementOf(plan);
  expect(statement.columns.slice(0, statement.whereReads)).toEqual(['status']);
  const run = (whereReads: number | undefined) =>
    outputs((target) =>
      runStatement(
        { ...statement, whereReads: whereReads ?? ALL },
        { row: createRow(statement.columns), event: ATTRIBUTES, bytes: Buffer.from(text), target },
      ),
    );
  expect(run(statement.whereReads)).toEqual(expected);
  expect(run(undefined)).toEqual(expected);
});

test.each([
  ['U+0000', '{"a":1,"status":"\\u0000"}'],
  ['half a surrogate pair', '{"a":1,"status":"\\ud800"}'],
  ['text for a number', '{"a":"1","status":"x"}'],
  ['a number for text', '{"a":1,"status":2}'],
])(
  'a column that is only copied is rejected when it is %s, because no Postgres column could hold it',
  async (_, text) => {
    const statement = statementOf(await planFor({ file: 'test.sql', text: 'SELECT a, status FROM hostile' }, Hostile));
    expect(
      outputs((target) =>
        runStatement(statement, {
          row: createRow(statement.columns),
          event: ATTRIBUTES,
          bytes: Buffer.from(text),
          target,
        }),
      ),
    ).toBe('rejected');
  },
);
