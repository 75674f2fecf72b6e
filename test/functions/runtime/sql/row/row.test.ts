import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventRejected } from '../../../../../functions/runtime/errors.ts';
import type { Row } from '../../../../../functions/runtime/sql/row/row.ts';
import { createRow, loadEvent, loadText, readRow, selectRange } from '../../../../../functions/runtime/sql/row/row.ts';
import { readSlowly } from '../../../../../functions/runtime/sql/row/row-slow.ts';
import { sharedScanner } from '../../../../../functions/runtime/sql/scan/scanner.ts';
import { canonical, hostileBytes } from '../scan/hostile-json.ts';

const COLUMNS = ['a', 'status', 'é', 'nested'];

/** Returns each column's JSON, with numbers as they were written; undefined for a column that is missing. */
function contents(row: Row): readonly (string | undefined)[] {
  return COLUMNS.map((_, i) =>
    row.starts[i] === -1 ? undefined : canonical(row.bytes.toString('utf8', row.starts[i], row.ends[i])),
  );
}

function outcome(read: () => Row): readonly (string | undefined)[] | 'rejected' {
  try {
    return contents(read());
  } catch (error) {
    if (error instanceof EventRejected) return 'rejected';
    throw error;
  }
}

function slowly(event: Buffer): Row {
  const row = createRow(COLUMNS);
  readSlowly(row, event);
  return row;
}

test('scanning and JSON.parse give the same columns for any JSON', () => {
  // One row reads every event, as in production: the keys that it remembers of earlier events must not matter.
  const row = createRow(COLUMNS);
  fc.assert(
    fc.property(hostileBytes, (event) => {
      const fast = outcome(() => {
        loadEvent(row, event);
        readRow(row);
        return row;
      });
      expect(fast).toEqual(outcome(() => slowly(event)));
    }),
    { numRuns: 3000 },
  );
});

test.each(['1', '-1.5e3', '"a"', 'true', 'null', '[]', '[{"a":1}]', ' 1 '])(
  '%s is JSON but is rejected, because it is not an object',
  (text) => {
    const row = createRow(COLUMNS);
    loadEvent(row, Buffer.from(text));
    expect(() => readRow(row)).toThrow("the event's data is not a JSON object");
  },
);

test('an event in the middle of a text is read like an event on its own', () => {
  const row = createRow(COLUMNS);
  fc.assert(
    fc.property(hostileBytes, hostileBytes, hostileBytes, (before, event, after) => {
      const all = Buffer.concat([before, event, after]);
      const fast = outcome(() => {
        loadText(row, all);
        selectRange(row, before.length, before.length + event.length);
        readRow(row);
        return row;
      });
      expect(fast).toEqual(outcome(() => slowly(event)));
    }),
    { numRuns: 2000 },
  );
});

test('JSON of ordinary producers never takes the slow path', () => {
  const row = createRow(COLUMNS);
  const data = {
    a: 1.5,
    status: 'COMPLETE "quoted"\n',
    é: 'naïve 😀',
    nested: { list: [1, [2, { x: null }], true], text: '\\' },
    other: -0.1e-7,
  };
  for (const text of [JSON.stringify(data), JSON.stringify(data, null, 2), JSON.stringify({ more: [], ...data })]) {
    const event = Buffer.from(text);
    loadEvent(row, event);
    readRow(row);
    // The slow path writes the columns to a buffer of its own.
    expect(row.bytes).toBe(sharedScanner().bytes);
  }
});
