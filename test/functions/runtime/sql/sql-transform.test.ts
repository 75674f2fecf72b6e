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
