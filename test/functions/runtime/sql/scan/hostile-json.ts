import fc from 'fast-check';

/**
 * JSON as hostile producers write it: escapes in keys and values, duplicate keys, odd spaces, numbers beyond doubles,
 * deep nesting.
 */
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
/** An event's bytes, most of them JSON. */
export const hostileBytes: fc.Arbitrary<Buffer> = fc.oneof(
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

const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
const exact = (_: string, item: unknown, context?: { source?: string }): unknown =>
  typeof item === 'number' ? rawJSON(context?.source ?? '') : item;

/** The same JSON in one form, with its numbers as they were written. */
export const canonical = (text: string): string =>
  JSON.stringify(JSON.parse(text, exact as (key: string, value: unknown) => unknown));
