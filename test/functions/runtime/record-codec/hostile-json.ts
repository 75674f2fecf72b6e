import fc from 'fast-check';

/**
 * JSON that the standard allows and no usual writer makes. It is generated as text, so it varies in escapes, white
 * space, and the order and repetition of keys.
 */
const whitespace = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 }),
);

const character = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.constantFrom(
    '"',
    '\\',
    '/',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '\n',
    '\u0000',
    '\u2028',
    '\ud83d\ude00',
    'é',
    '\ufeff',
    '\ufffd',
  ),
);

/** The JSON of a string, with some needless escapes. */
export const stringText = (content: fc.Arbitrary<string> = fc.string({ unit: character, maxLength: 8 })) =>
  fc.tuple(content, fc.infiniteStream(fc.nat(9))).map(([text, dice]) => {
    const escaped = text.split('').map((unit) => {
      const must = unit < ' ' || unit === '"' || unit === '\\';
      const hex = `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
      if (must) return unit === '"' || unit === '\\' ? `\\${unit}` : hex;
      return /[\ud800-\udfff]/.test(unit) ? unit : dice.next().value === 0 ? hex.toUpperCase().replace('U', 'u') : unit;
    });
    return `"${escaped.join('')}"`;
  });

const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom('0', '-0', '0.10', '1e400', '-1E+2', '5e-324', '12345678901234567890', '0.1234567890123456789012345'),
);

export const { value: valueText } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('true', 'false', 'null'),
    numberText,
    stringText(),
    tie('array'),
    tie('object'),
  ),
  array: fc
    .tuple(fc.array(fc.tuple(whitespace, tie('value'), whitespace).map(join), { maxLength: 4 }), whitespace)
    .map(([values, blank]) => (values.length > 0 ? `[${values.join(',')}]` : `[${blank}]`)),
  object: fc
    .array(fc.tuple(stringText(fc.oneof(eventNames(), fc.string())), tie('value')), { maxLength: 4 })
    .chain((members) => objectText(members)),
}));

/** The JSON of an object with these members in this order, and white space anywhere. */
export function objectText(members: readonly (readonly [key: string, value: string])[]): fc.Arbitrary<string> {
  const blanks = fc.array(whitespace, { minLength: members.length * 4 + 1, maxLength: members.length * 4 + 1 });
  return blanks.map((blank) => {
    const texts = members.map(([key, value], index) => {
      const [a, b, c, d] = blank.slice(index * 4);
      return `${a}${key}${b}:${c}${value}${d}`;
    });
    return members.length === 0 ? `{${blank[0]}}` : `{${texts.join(',')}}`;
  });
}

/** Names that have a meaning in an event. They also occur inside data, where they have none. */
export function eventNames(): fc.Arbitrary<string> {
  return fc.constantFrom(
    ...[
      'data',
      'id',
      'source',
      'type',
      'specversion',
      'time',
      'partitionkey',
      'sequence',
      'traceparent',
      'xid',
      'commitlsn',
      'aim',
      'redrivenfor',
      'data_base64',
    ],
    ...['__proto__', 'Data', 'ID', ''],
  );
}

/** The same bytes, with a few of them changed, left out or repeated. */
export function damaged(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const damage = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('change', 'drop', 'repeat', 'insert'),
    byte: hostileByte,
  });
  return fc.tuple(bytes, fc.array(damage, { minLength: 1, maxLength: 3 })).map(([whole, damages]) =>
    damages.reduce((sofar, { at: anywhere, kind, byte }) => {
      const at = anywhere % (sofar.length + 1);
      const [before, after] = [sofar.subarray(0, at), sofar.subarray(at)];
      const middle = { change: [byte], drop: [], repeat: [...after.subarray(0, 1)], insert: [byte] }[kind] ?? [];
      return Buffer.concat([
        before,
        Buffer.from(middle),
        kind === 'change' || kind === 'drop' ? after.subarray(1) : after,
      ]);
    }, whole),
  );
}

const hostileByte = fc.oneof(
  fc.constantFrom(...Buffer.from('"\\{}[]:,.-+eEu0129 tfn\n\u0000')),
  fc.constantFrom(0x80, 0xbf, 0xc0, 0xc3, 0xe2, 0xed, 0xf0, 0xf4, 0xff),
  fc.nat(255),
);

function join(parts: readonly string[]): string {
  return parts.join('');
}
