import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventRefused } from '../../../../functions/runtime/errors.ts';
import type { Row } from '../../../../functions/runtime/sql/row.ts';
import { createRow, readRange } from '../../../../functions/runtime/sql/row.ts';
import { readSlowly } from '../../../../functions/runtime/sql/row-slow.ts';

const COLUMNS = ['a', 'status', 'é', 'nested'];

/** JSON as hostile producers write it: escapes in keys and values, duplicate keys, odd spaces, numbers beyond doubles, deep nesting. */
const space = fc.constantFrom('', '', '', ' ', '\n', '\t ', '\r');
const escaped = (text: string): string =>
  [...text].map((c) => (c.length === 1 ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : c)).join('');
const string = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.string({ maxLength: 30 }).map((text) => `"${escaped(text)}"`),
  fc.constantFrom(
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"COMPLETE"',
    '"C\\u004fMPLETE"',
    '"a\\/b"',
    '"\\"',
    '"\u0001"',
    '"tab\t"',
    '"\\x"',
    '"\\u12"',
  ),
);
const number = fc.constantFrom(
  '0',
  '-0',
  '1',
  '1.0',
  '-1.5',
  '1e3',
  '1E-7',
  '9007199254740993',
  '123456789012345678901234567890.5',
  '01',
  '+1',
  '.5',
  '1.',
  '1e',
  '-',
  'NaN',
  '1e400',
);
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    string,
    number,
    fc.constantFrom('true', 'false', 'null', 'nul', 'tru', ''),
    fc
      .tuple(space, fc.array(tie('value'), { maxLength: 3 }), space)
      .map(([a, items, b]) => `[${a}${items.join(`${b},${a}`)}${b}]`),
    fc
      .tuple(space, fc.array(fc.tuple(string, tie('value')), { maxLength: 3 }))
      .map(([a, fields]) => `{${fields.map(([k, v]) => `${a}${k}${a}:${a}${v}`).join(',')}}`),
    fc.integer({ min: 1, max: 60 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  ),
}));
const key = fc.oneof(
  fc.constantFrom('"a"', '"status"', '"é"', '"nested"', '"st\\u0061tus"', '"other"', '"__proto__"', '"x"'),
  string,
);
const object = fc
  .tuple(
    space,
    fc.array(fc.tuple(key, space, value, space), { maxLength: 7 }),
    fc.constantFrom('', ' ', '\n', '}', 'x', ','),
  )
  .map(([a, fields, end]) => `${a}{${fields.map(([k, b, v, c]) => `${b}${k}${c}:${c}${v}${b}`).join(',')}}${end}`);
const event = fc.oneof({ weight: 8, arbitrary: object }, { weight: 1, arbitrary: value });
const bytes = fc.oneof(
  { weight: 9, arbitrary: event.map((text) => Buffer.from(text, 'utf8')) },
  {
    weight: 1,
    arbitrary: fc.tuple(event, fc.uint8Array({ maxLength: 3 }), fc.nat()).map(([text, noise, at]) => {
      const whole = Buffer.from(text, 'utf8');
      const cut = at % (whole.length + 1);
      return Buffer.concat([whole.subarray(0, cut), noise, whole.subarray(cut)]);
    }),
  },
);

/** What a row holds: each column's JSON, with numbers as they were written, or undefined where there is none. */
function contents(row: Row): readonly (string | undefined)[] {
  return COLUMNS.map((_, i) =>
    row.starts[i] === -1 ? undefined : canonical(row.bytes.toString('utf8', row.starts[i], row.ends[i])),
  );
}

const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
const exact = (_: string, item: unknown, context?: { source?: string }): unknown =>
  typeof item === 'number' ? rawJSON(context?.source ?? '') : item;
const canonical = (text: string): string =>
  JSON.stringify(JSON.parse(text, exact as (key: string, value: unknown) => unknown));

function outcome(read: () => Row): readonly (string | undefined)[] | 'refused' {
  try {
    return contents(read());
  } catch (error) {
    if (error instanceof EventRefused) return 'refused';
    throw error;
  }
}

function slowly(event: Buffer): Row {
  const row = createRow(COLUMNS);
  readSlowly(row, event);
  return row;
}

test('scanning bytes and JSON.parse give the same columns, whatever the JSON', () => {
  // One row reads every event, as in production: what it remembers of earlier shapes must not matter.
  const row = createRow(COLUMNS);
  fc.assert(
    fc.property(bytes, (event) => {
      const fast = outcome(() => {
        readRange(row, event, [0, event.length]);
        return row;
      });
      expect(fast).toEqual(outcome(() => slowly(event)));
    }),
    { numRuns: 3000 },
  );
});

test('an event inside of more bytes is read like an event on its own', () => {
  const row = createRow(COLUMNS);
  fc.assert(
    fc.property(bytes, bytes, bytes, (before, event, after) => {
      const all = Buffer.concat([before, event, after]);
      const fast = outcome(() => {
        readRange(row, all, [before.length, before.length + event.length]);
        return row;
      });
      expect(fast).toEqual(outcome(() => slowly(event)));
    }),
    { numRuns: 2000 },
  );
});

test('JSON of ordinary producers never takes the slow way', () => {
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
    readRange(row, event, [0, event.length]);
    // The slow way lays the columns out in bytes of its own.
    expect(row.bytes.buffer).toBe(event.buffer);
  }
});
