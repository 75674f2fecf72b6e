import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventRejected } from '../../../../../functions/runtime/errors.ts';
import type { Row } from '../../../../../functions/runtime/sql/row/row.ts';
import {
  createRow,
  finishRow,
  loadEvent,
  loadText,
  mayRepeat,
  readRow,
  readSome,
  selectRange,
} from '../../../../../functions/runtime/sql/row/row.ts';
import { readSlowly } from '../../../../../functions/runtime/sql/row/row-slow.ts';
import { MAX_COLUMNS, TABLE_SLOTS, TEXT_SIZE } from '../../../../../functions/runtime/sql/scan/scan-memory.ts';
import { sharedScanner } from '../../../../../functions/runtime/sql/scan/scanner.ts';
import { canonical } from './hostile-json.ts';

type Contents = readonly (string | undefined)[] | 'rejected';

function contents(row: Row, read: () => void): Contents {
  try {
    read();
  } catch (error) {
    if (error instanceof EventRejected) return 'rejected';
    throw error;
  }
  return row.columns.map((_, i) =>
    row.starts[i] === -1 ? undefined : canonical(row.bytes.toString('utf8', row.starts[i], row.ends[i])),
  );
}

function scanned(row: Row, event: Uint8Array): Contents {
  loadEvent(row, event);
  return contents(row, () => readRow(row));
}

function parsed(columns: readonly string[], event: Uint8Array): Contents {
  const row = createRow(columns);
  return contents(row, () => readSlowly(row, event));
}

/** Tests whether the scanner read the last event: the slow path writes to a buffer of its own. */
const wasScanned = (row: Row): boolean => row.bytes === sharedScanner().bytes;

describe('at any position within sixteen bytes, JSON is read as JSON.parse reads it', () => {
  const SPECIAL = [
    '"',
    '\\"',
    '\\\\',
    '\\u00e9',
    '\\u00E',
    '\\n',
    '\\x',
    'é',
    '\u{1f600}',
    '\x7f',
    '\x1f',
    '\t',
    '\0',
    "'",
    '!',
  ];
  const row = createRow(['a', 'b']);

  test.each(SPECIAL)('%j in a text', (special) => {
    for (let before = 0; before < 36; before += 1)
      for (const after of ['', '-', '-'.repeat(20)])
        for (const text of [
          `"${'x'.repeat(before)}${special}${after}"`,
          `["${'x'.repeat(before)}${special}${after}"]`,
        ]) {
          const event = Buffer.from(`{"b":${text},"a":1}`);
          expect(scanned(row, event), event.toString()).toEqual(parsed(row.columns, event));
        }
  });

  test.each(SPECIAL)('%j in a key', (special) => {
    for (let before = 0; before < 36; before += 1) {
      const name = `${'x'.repeat(before)}${special}`;
      const events = [`{"${name}":1,"a":2}`, `{"a":{"${name}":[]},"b":2}`].map((text) => Buffer.from(text));
      for (const event of events) expect(scanned(row, event), event.toString()).toEqual(parsed(row.columns, event));
    }
  });

  test('bytes that are not UTF-8, even in keys that were seen before', () => {
    for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]])
      for (const at of [6, 30, 46]) {
        const event = Buffer.from(`{"b":"${'x'.repeat(20)}","${'k'.repeat(20)}":1,"a":1}`);
        for (let repeat = 0; repeat < 3; repeat += 1) {
          event.set(bytes, at);
          expect(scanned(row, event)).toBe('rejected');
        }
      }
  });

  test('numbers of any number of digits', () => {
    for (const digits of [1, 2, 15, 16, 17, 31, 32, 33, 100])
      for (const form of ['#', '-#', '0#', '#.#', '#.', '.#', '#e#', '#E-#', '#.#e+#', '#e', '#e+', '--#', '-', '#-']) {
        const number = form.replaceAll('#', '7'.repeat(digits));
        for (const text of [`{"a":${number},"b":0}`, `{"b":[${number}],"a":${number}}`]) {
          const event = Buffer.from(text);
          expect(scanned(row, event), text).toEqual(parsed(row.columns, event));
        }
      }
  });

  test('nesting of any depth, closed rightly or not', () => {
    for (const depth of [1, 2, 29, 30, 31, 32, 33, 64, 500])
      for (const [open, close] of [
        ['[', ']'],
        ['{"a":', '}'],
        ['[{"b":[', ']}]'],
        ['[', '}'],
      ] as const)
        for (const inner of ['1', '', '{}', '[]', '{"a":1,}', '"]}"']) {
          const event = Buffer.from(`{"b":${open.repeat(depth)}${inner}${close.repeat(depth)},"a":2}`);
          expect(scanned(row, event)).toEqual(parsed(row.columns, event));
        }
  });
});

describe('keys', () => {
  const name = fc.oneof(
    fc.integer({ min: 0, max: 70 }).map((length) => 'k'.repeat(length)),
    fc
      .tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom('a', 'b', 'é', '"', '\\'))
      .map(([length, end]) => 'k'.repeat(length) + end),
    fc.string({ unit: 'binary', maxLength: 40 }),
  );

  test('are distinguished whatever their length and order', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 12 }),
        fc.array(fc.array(fc.nat(11), { maxLength: 14 }), { minLength: 1, maxLength: 6 }),
        fc.nat(11),
        (names, orders, wanted) => {
          const row = createRow(names.slice(0, 1 + wanted));
          for (const order of orders) {
            const fields = order.flatMap((i, n) => (i < names.length ? [`${JSON.stringify(names[i])}:${n}`] : []));
            const event = Buffer.from(`{${fields.join(',')}}`);
            expect(scanned(row, event)).toEqual(parsed(row.columns, event));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('that are data and always different neither fill the memory nor hide a column', () => {
    const row = createRow(['wanted', 'missing']);
    const each = 50;
    for (let n = 0; n < (3 * TABLE_SLOTS) / each; n += 1) {
      const fields = Array.from({ length: each }, (_, i) => `"data-${n * each + i}":${i}`);
      expect(scanned(row, Buffer.from(`{${fields.join(',')},"wanted":${n}}`))).toEqual([String(n), undefined]);
      expect(wasScanned(row)).toBe(true);
    }
  });
});

describe('a column that may be repeated in the rest of an event', () => {
  test('is found wherever it stands, and whatever surrounds it', () => {
    const column = fc.constantFrom('status', 's', 'é', 'a-name-that-is-longer-than-sixteen-bytes');
    const piece = fc.constantFrom(
      '"s',
      'status',
      '"',
      '"status',
      '"s"',
      '","',
      's":',
      '"stat',
      '":"',
      ' ',
      'xxxxxxxxxxxxxxxxx',
      'ss',
    );
    const pieces = fc.array(piece, { maxLength: 12 });
    const hidden = fc.constantFrom('none', 'name', 'backslash');
    fc.assert(
      fc.property(column, fc.tuple(pieces, hidden, pieces), (name, [before, kind, after]) => {
        const middle = { none: '', name: JSON.stringify(name), backslash: '\\' }[kind];
        const rest = `"${before.join('')}${middle}${after.join('')}`;
        const row = createRow([name]);
        loadEvent(row, Buffer.from(`{${JSON.stringify(name)}:1,${rest}`));
        expect(readSome(row, 1)).toBe(true);
        expect(mayRepeat(row, 1)).toBe(rest.includes(JSON.stringify(name)) || rest.includes('\\'));
      }),
      { numRuns: 3000 },
    );
  });

  test('is not found in the next event', () => {
    for (let length = 0; length < 40; length += 1) {
      const event = `{"status":1,"${'x'.repeat(length)}":"y"}`;
      const row = createRow(['status']);
      loadText(row, Buffer.from(`${event}\n{"status":2,"\\n":3}`));
      selectRange(row, 0, event.length);
      expect(readSome(row, 1)).toBe(true);
      expect(mayRepeat(row, 1)).toBe(false);
    }
  });
});

test('texts that are too long for the scanner, and too many columns, are read as JSON.parse reads them', () => {
  const long = createRow(['a', 'b']);
  for (const length of [TEXT_SIZE - 20, TEXT_SIZE + 1]) {
    const event = Buffer.from(`{"b":"${'x'.repeat(length)}","a":1}`);
    expect(scanned(long, event)).toEqual([`1`, JSON.stringify('x'.repeat(length))]);
    expect(wasScanned(long)).toBe(event.length <= TEXT_SIZE);
  }
  for (const count of [MAX_COLUMNS, MAX_COLUMNS + 1]) {
    const columns = Array.from({ length: count }, (_, i) => `c${i}`);
    const event = Buffer.from(JSON.stringify(Object.fromEntries(columns.toReversed().map((name, i) => [name, i]))));
    const row = createRow(columns);
    expect(scanned(row, event)).toEqual(columns.map((_, i) => String(count - 1 - i)));
    expect(wasScanned(row)).toBe(count <= MAX_COLUMNS);
  }
});

test('two statements that read in turn find their own columns only', () => {
  const [a, b] = [createRow(['x', 'y']), createRow(['y', 'z', 'x'])];
  for (let n = 0; n < 5; n += 1) {
    const event = Buffer.from(`{"x":${n},"z":2,"y":3}`);
    expect(scanned(a, event)).toEqual([String(n), '3']);
    expect(scanned(b, event)).toEqual(['3', '2', String(n)]);
  }
});

test('an event has the same columns when it is read in two parts as when it is read at once', () => {
  const row = createRow(['b', 'a']);
  const event = Buffer.from('{"c":[1],"b":"x", "d":{} , "a":2 } ');
  loadEvent(row, event);
  expect(readSome(row, 1)).toBe(true);
  expect([row.starts[0], row.starts[1]].map((start) => start === -1)).toEqual([false, true]);
  expect(contents(row, () => finishRow(row))).toEqual(scanned(createRow(['b', 'a']), event));
  expect(scanned(row, event)).toEqual(['"x"', '2']);
});
