import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { EventRejected } from '../../../../functions/runtime/errors.ts';
import { SqlError } from '../../../../functions/runtime/sql/errors/sql-error.ts';
import { createWriter } from '../../../../functions/runtime/sql/json/json-writer.ts';
import { createRow } from '../../../../functions/runtime/sql/row/row.ts';
import { readSlowly } from '../../../../functions/runtime/sql/row/row-slow.ts';
import type { Statement } from '../../../../functions/runtime/sql/sql-transform.ts';
import { planFor } from '../../../../infra/sql/compile.ts';
import { statementOf } from '../../../../infra/sql/emit/statement-of.ts';
import { lineRunner } from '../../../../infra/sql/run/lines.ts';
import { canonical, hostileBytes } from '../../../functions/runtime/sql/scan/hostile-json.ts';

const Hostile = z.object({
  a: z.number().nullable(),
  status: z.string().nullable(),
  é: z.array(z.string()).nullable(),
  nested: z.json(),
});
const NO_ATTRIBUTES = { key: '', time: '1970-01-01T00:00:00Z', source: '', id: '', type: '' };

/** Returns the outputs of a line that is read with JSON.parse, or `rejected`. */
function slowly(statement: Statement, line: Buffer): readonly string[] | 'rejected' {
  const row = createRow(statement.columns);
  const writer = createWriter();
  const made: string[] = [];
  const emit = (): void => {
    made.push(canonical(writer.buffer.toString('utf8', 0, writer.length)));
    writer.length = 0;
  };
  try {
    readSlowly(row, line);
    if (statement.where?.(row, NO_ATTRIBUTES) !== false) statement.select(row, NO_ATTRIBUTES, { writer, emit });
  } catch (error) {
    if (error instanceof EventRejected || error instanceof SqlError) return 'rejected';
    throw error;
  }
  return made;
}

function splitLines(text: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < text.length; ) {
    const found = text.indexOf(0x0a, from);
    const to = found === -1 ? text.length : found;
    lines.push(text.subarray(from, to));
    from = to + 1;
  }
  return lines;
}

const isBlank = (line: Buffer): boolean => line.length === 0 || (line.length === 1 && line[0] === 0x0d);

interface Result {
  readonly outputs: readonly string[];
  /** Numbers of lines, from 1. */
  readonly rejected: readonly number[];
}

function expectedOf(statement: Statement, text: Buffer): Result {
  const results = splitLines(text).map((line) => (isBlank(line) ? [] : slowly(statement, line)));
  return {
    outputs: results.flatMap((result) => (result === 'rejected' ? [] : result)),
    rejected: results.flatMap((result, i) => (result === 'rejected' ? [i + 1] : [])),
  };
}

function actualOf(run: ReturnType<typeof lineRunner>, text: Buffer): Result {
  const { output, rejections } = run(text);
  const lines = output.toString('utf8').split('\n').slice(0, -1);
  return { outputs: lines.map(canonical), rejected: rejections.map(({ index }) => index) };
}

/** Lines as hostile producers end them: with CRLF, cut off, blank, with a byte order mark, or not at all. */
const hostileLines = fc
  .array(
    fc.tuple(
      fc.constantFrom('', '', '', ' ', '\ufeff'),
      fc.oneof(
        { weight: 3, arbitrary: hostileBytes },
        {
          weight: 1,
          arbitrary: fc.constantFrom('{"a":1,', '"status":"x"}', '', '{"status":"COMPLETE","a":3}').map(Buffer.from),
        },
      ),
      fc.constantFrom('\n', '\n', '\r\n', '\n\n', '\r\n\r\n', ' \n', ''),
    ),
    { maxLength: 8 },
  )
  .map((lines) => Buffer.concat(lines.flatMap(([before, line, end]) => [Buffer.from(before), line, Buffer.from(end)])));

test('any lines are read as JSON.parse reads each of them', async () => {
  const plan = await planFor({ file: 'test.sql', text: 'SELECT status, a, nested FROM hostile' }, Hostile);
  const statement = statementOf(plan);
  const run = lineRunner(plan);
  fc.assert(
    fc.property(hostileLines, (text) => {
      expect(actualOf(run, text)).toEqual(expectedOf(statement, text));
    }),
    { numRuns: 1000 },
  );
});

test.each([
  "SELECT a, status FROM hostile WHERE status = 'COMPLETE'",
  "SELECT nested FROM hostile WHERE a > 0 AND status <> 'x'",
  "SELECT a FROM hostile WHERE a > 0 AND status = ''",
  'SELECT a FROM hostile WHERE false',
])('%s: an error in a line goes unnoticed only if WHERE is false for the line', async (text) => {
  const plan = await planFor({ file: 'test.sql', text }, Hostile);
  const statement = statementOf(plan);
  const run = lineRunner(plan);
  fc.assert(
    fc.property(hostileLines, (lines) => {
      const [actual, expected] = [actualOf(run, lines), expectedOf(statement, lines)];
      expect(actual.outputs).toEqual(expected.outputs);
      expect(expected.rejected).toEqual(expect.arrayContaining([...actual.rejected]));
    }),
    { numRuns: 700 },
  );
});

test('lines longer than the part that is loaded at once, or than the scanner holds, keep their order and numbers', async () => {
  const plan = await planFor({ file: 'test.sql', text: 'SELECT a FROM hostile WHERE a > 0' }, Hostile);
  const sizes = [10, 300_000, 20, 1 << 18, (1 << 18) - 30, 17 << 20, 5, 0, 600_000];
  const lines = sizes.map((size, i) => (size === 0 ? 'broken' : `{"nested":"${'x'.repeat(size)}","a":${i}}`));
  const { output, count, rejections } = lineRunner(plan)(Buffer.from(lines.join('\n')));
  expect(output.toString()).toBe([1, 2, 3, 4, 5, 6, 8].map((a) => `{"a":${a}}\n`).join(''));
  expect(count).toBe(9);
  expect(rejections.map(({ index }) => index)).toEqual([8]);
});

test('a key in the next line does not count as a repeated key of this line', async () => {
  const plan = await planFor({ file: 'test.sql', text: "SELECT a FROM hostile WHERE status = 'COMPLETE'" }, Hostile);
  const text = '{"a":1,\n"status":"COMPLETE"}\n{"status":"COMPLETE","a":2}\n{"status":\n"COMPLETE","a":3}\n';
  expect(actualOf(lineRunner(plan), Buffer.from(text))).toEqual({ outputs: ['{"a":2}'], rejected: [1, 2, 4, 5] });
});

test.each([
  ['COMPLETE', '"COMPLETE"', true],
  ['COMPLETE', '"COMPLETf"', false],
  ['COMPLETE', '"COMPLETE "', false],
  ['COMPLETE', '"C\\u004fMPLETE"', true],
  ['COMPLETE', 'null', false],
  ['', '""', true],
  ['', '"x"', false],
  ['é', '"é"', true],
  ['é', '"\\u00e9"', true],
  ['é', '"e"', false],
  ['a"\n', '"a\\"\\n"', true],
  ['x'.repeat(2000), `"${'x'.repeat(2000)}"`, true],
  ['x'.repeat(2000), `"${'x'.repeat(1999)}y"`, false],
])('WHERE compares with the text %j and a line has %s: %s', async (wanted, has, passesWhere) => {
  const text = `SELECT a FROM hostile WHERE status = '${wanted}'`;
  const plan = await planFor({ file: 'test.sql', text }, Hostile);
  const other = '{"status":"other","a":0}';
  const lines = [other, other, `{"status":${has},"a":1}`, '', other, `{"a":2,"status":${has}}`, 'broken', other];
  expect(actualOf(lineRunner(plan), Buffer.from(lines.join('\n')))).toEqual({
    outputs: passesWhere ? ['{"a":1}', '{"a":2}'] : [],
    rejected: [7],
  });
});

test.each([
  ['a text again, as the last value', '{"status":"x","a":1,"status":"COMPLETE"}', ['{"a":1}']],
  ['the name behind a backslash', '{"status":"x","a":1,"stat\\u0075s":"COMPLETE"}', ['{"a":1}']],
  ['a number where a text should be', '{"status":1,"a":1}', 'rejected'],
  ['the text in an object', '{"nested":{"status":"COMPLETE"},"status":"x","a":1}', []],
  ['white space around everything', ' { "status" :"x", "status": "COMPLETE" , "a" : 1 } ', ['{"a":1}']],
  ['half a line', '{"status":"x"', 'rejected'],
  ['half a line with more keys', '{"status":"x",', 'rejected'],
])('a line with %s is not skipped because of the first text that it has', async (_, line, expected) => {
  const plan = await planFor({ file: 'test.sql', text: "SELECT a FROM hostile WHERE status = 'COMPLETE'" }, Hostile);
  const result = actualOf(lineRunner(plan), Buffer.from(`{"status":"y","a":0}\n${line}\n"status":"COMPLETE","a":5}\n`));
  expect(result).toEqual({
    outputs: expected === 'rejected' ? [] : expected,
    rejected: expected === 'rejected' ? [2, 3] : [3],
  });
});
