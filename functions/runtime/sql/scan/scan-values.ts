import { afterSpace, char, isOneOf, setBits, skipPlainText } from './scan-bytes.ts';
import { HAS_ESCAPE, HAS_EXPONENT, HAS_FRACTION, SEEN_HIGH, SEEN_IN_VALUE } from './scan-memory.ts';
import type { Code, Operand, WasmFunction } from './wasm.ts';
import {
  add,
  and,
  bitmask,
  bytesAtMost,
  bytesMinus,
  call,
  continueLoop,
  either,
  equal,
  isAbove,
  isBelow,
  isNegative,
  isZero,
  load8,
  load32,
  load128,
  loop,
  notEqual,
  or,
  returnValue,
  set,
  shiftLeft,
  shiftRight,
  splat,
  subtract,
  trailingZeros,
  when,
  xor,
} from './wasm.ts';

/**
 * The deepest nesting that is scanned, because each level takes one bit of a number. Deeper JSON takes the slow path.
 */
const MAX_DEPTH = 30;

/**
 * Returns the functions that skip JSON in memory and check it on the way. Each returns the address after the JSON, or
 * -1 if the JSON is not plain; the caller then takes the slow path, which reads any JSON. A control character must
 * follow the text, so that no function reads beyond its end.
 */
export const valueFunctions = (): readonly WasmFunction[] => [
  {
    name: 'skipValue',
    parameters: ['p'],
    locals: ['byte'],
    body: [
      set('byte', load8('p')),
      when(equal('byte', char('"')), [returnValue(call('skipString', 'p'))]),
      when(isOpening('byte'), [returnValue(call('skipNested', 'p'))]),
    ],
    result: call('skipScalar', 'p'),
  },
  {
    name: 'skipString',
    parameters: ['p'],
    locals: ['mask', 'byte'],
    vectors: ['bytes'],
    body: [
      set('p', add('p', 1)),
      loop(
        'parts',
        ...skipPlainText((bits) => setBits(SEEN_HIGH, bits)),
        set('byte', load8('p')),
        when(equal('byte', char('"')), [returnValue(add('p', 1))]),
        when(notEqual('byte', char('\\')), [returnValue(-1)]),
        setBits(SEEN_IN_VALUE, HAS_ESCAPE),
        set('p', call('skipEscape', add('p', 1))),
        when(isNegative('p'), [returnValue(-1)]),
        continueLoop('parts'),
      ),
    ],
    result: -1,
  },
  {
    name: 'skipEscape',
    parameters: ['p'],
    locals: ['byte', 'end'],
    body: [
      set('byte', load8('p')),
      set('end', add('p', 5)),
      set('p', add('p', 1)),
      when(notEqual('byte', char('u')), [returnValue(either(isOneOf('byte', '"\\/bfnrt'), 'p', -1))]),
      loop(
        'digits',
        set('byte', load8('p')),
        when(and(isAbove(subtract('byte', char('0')), 9), isAbove(subtract(or('byte', 0x20), char('a')), 5)), [
          returnValue(-1),
        ]),
        set('p', add('p', 1)),
        when(isBelow('p', 'end'), [continueLoop('digits')]),
      ),
    ],
    result: 'p',
  },
  {
    name: 'skipSpace',
    parameters: ['p'],
    locals: ['byte'],
    body: [
      loop(
        'bytes',
        set('byte', load8('p')),
        when(isAbove('byte', 0x20), [returnValue('p')]),
        when(isOneOf('byte', ' \n\r\t'), [set('p', add('p', 1)), continueLoop('bytes')]),
      ),
    ],
    result: 'p',
  },
  {
    name: 'skipScalar',
    parameters: ['p'],
    locals: ['word'],
    body: [
      set('word', load32('p')),
      when(equal('word', wordOf('true')), [returnValue(add('p', 4))]),
      when(equal('word', wordOf('null')), [returnValue(add('p', 4))]),
      when(equal('word', wordOf('fals')), [returnValue(either(equal(load8(add('p', 4)), char('e')), add('p', 5), -1))]),
    ],
    result: call('skipNumber', 'p'),
  },
  {
    name: 'skipNumber',
    parameters: ['p'],
    locals: ['end', 'sign', 'mask'],
    body: [
      set('p', add('p', equal(load8('p'), char('-')))),
      set('end', 'p'),
      ...skipDigitsAt('end', 'whole'),
      when(equal('end', 'p'), [returnValue(-1)]),
      when(and(equal(load8('p'), char('0')), notEqual('end', add('p', 1))), [returnValue(-1)]),
      when(equal(load8('end'), char('.')), [
        setBits(SEEN_IN_VALUE, HAS_FRACTION),
        set('p', add('end', 1)),
        set('end', 'p'),
        ...skipDigitsAt('end', 'fraction'),
        when(equal('end', 'p'), [returnValue(-1)]),
      ]),
      when(equal(or(load8('end'), 0x20), char('e')), [
        setBits(SEEN_IN_VALUE, HAS_EXPONENT),
        set('sign', load8(add('end', 1))),
        set('p', add(add('end', 1), isOneOf('sign', '+-'))),
        set('end', 'p'),
        ...skipDigitsAt('end', 'exponent'),
        when(equal('end', 'p'), [returnValue(-1)]),
      ]),
    ],
    result: 'end',
  },
  {
    // Works without recursion: `open` has one bit for each level, which is 1 for an object.
    name: 'skipNested',
    parameters: ['p'],
    locals: ['byte', 'depth', 'open'],
    body: [
      loop(
        'values',
        set('byte', load8('p')),
        when(
          isOpening('byte'),
          [
            when(equal('depth', MAX_DEPTH), [returnValue(-1)]),
            set('depth', add('depth', 1)),
            set('open', or(shiftLeft('open', 1), equal('byte', char('{')))),
            set('p', afterSpace(add('p', 1))),
            when(notEqual(load8('p'), closing('open')), [skipNestedKey, continueLoop('values')]),
          ],
          [
            set('p', either(equal('byte', char('"')), call('skipString', 'p'), call('skipScalar', 'p'))),
            when(isNegative('p'), [returnValue(-1)]),
            set('p', afterSpace('p')),
          ],
        ),
        loop(
          'ends',
          when(equal(load8('p'), closing('open')), [
            set('depth', subtract('depth', 1)),
            set('open', shiftRight('open', 1)),
            when(isZero('depth'), [returnValue(add('p', 1))]),
            set('p', afterSpace(add('p', 1))),
            continueLoop('ends'),
          ]),
        ),
        when(notEqual(load8('p'), char(',')), [returnValue(-1)]),
        set('p', afterSpace(add('p', 1))),
        skipNestedKey,
        continueLoop('values'),
      ),
    ],
    result: -1,
  },
  {
    // Skips a key and its colon, up to the value.
    name: 'skipKey',
    parameters: ['p'],
    body: [
      when(notEqual(load8('p'), char('"')), [returnValue(-1)]),
      set('p', call('skipString', 'p')),
      when(isNegative('p'), [returnValue(-1)]),
      set('p', afterSpace('p')),
      when(notEqual(load8('p'), char(':')), [returnValue(-1)]),
    ],
    result: afterSpace(add('p', 1)),
  },
];

/** Moves an address beyond digits. */
function skipDigitsAt(p: string, label: string): readonly Code[] {
  return [
    loop(
      label,
      set('mask', xor(bitmask(bytesAtMost(bytesMinus(load128(p), splat(char('0'))), splat(9))), 0xffff)),
      when(isZero('mask'), [set(p, add(p, 16)), continueLoop(label)]),
    ),
    set(p, add(p, trailingZeros('mask'))),
  ];
}

/** `{` and `[` differ in one bit. */
const isOpening = (byte: Operand): Code => equal(or(byte, 0x20), char('{'));

/** Returns the bracket that closes the innermost level. */
const closing = (open: Operand): Code => add(char(']'), shiftLeft(and(open, 1), 5));

/** Skips the key before a value inside an object. */
const skipNestedKey: Code = when(and('open', 1), [
  set('p', call('skipKey', 'p')),
  when(isNegative('p'), [returnValue(-1)]),
]);

const wordOf = (text: string): number => Buffer.from(text, 'latin1').readInt32LE(0);
