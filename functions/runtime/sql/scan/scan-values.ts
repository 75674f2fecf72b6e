import { afterSpace, char, isOneOf, note, skipPlainText } from './scan-bytes.ts';
import { HAS_ESCAPE, HAS_EXPONENT, HAS_FRACTION, SEEN_HIGH, SEEN_IN_VALUE } from './scan-memory.ts';
import type { Code, Operand, WasmFunction } from './wasm.ts';
import {
  add,
  again,
  and,
  bitmask,
  bytesAtMost,
  bytesMinus,
  call,
  differ,
  either,
  equal,
  giveBack,
  isAbove,
  isBelow,
  isNegative,
  isZero,
  load8,
  load32,
  load128,
  loop,
  or,
  set,
  shiftLeft,
  shiftRight,
  splat,
  subtract,
  trailingZeros,
  when,
  xor,
} from './wasm.ts';

/** Deeper nesting takes the slow way: a bit of a number is kept for each level. */
const MAX_DEPTH = 30;

/**
 * Functions that step over JSON in memory, checking it on the way. Each gives the address just after, or -1 for what is
 * not plain JSON; whoever called then takes the slow way, which knows all of JSON. A control character must stand
 * behind the text, so that none runs away.
 */
export const valueFunctions = (): readonly WasmFunction[] => [
  {
    name: 'skipValue',
    parameters: ['p'],
    locals: ['byte'],
    body: [
      set('byte', load8('p')),
      when(equal('byte', char('"')), [giveBack(call('skipString', 'p'))]),
      when(isOpening('byte'), [giveBack(call('skipNested', 'p'))]),
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
        ...skipPlainText((bits) => note(SEEN_HIGH, bits)),
        set('byte', load8('p')),
        when(equal('byte', char('"')), [giveBack(add('p', 1))]),
        when(differ('byte', char('\\')), [giveBack(-1)]),
        note(SEEN_IN_VALUE, HAS_ESCAPE),
        set('p', call('skipEscape', add('p', 1))),
        when(isNegative('p'), [giveBack(-1)]),
        again('parts'),
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
      when(differ('byte', char('u')), [giveBack(either(isOneOf('byte', '"\\/bfnrt'), 'p', -1))]),
      loop(
        'digits',
        set('byte', load8('p')),
        when(and(isAbove(subtract('byte', char('0')), 9), isAbove(subtract(or('byte', 0x20), char('a')), 5)), [
          giveBack(-1),
        ]),
        set('p', add('p', 1)),
        when(isBelow('p', 'end'), [again('digits')]),
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
        when(isAbove('byte', 0x20), [giveBack('p')]),
        when(isOneOf('byte', ' \n\r\t'), [set('p', add('p', 1)), again('bytes')]),
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
      when(equal('word', wordOf('true')), [giveBack(add('p', 4))]),
      when(equal('word', wordOf('null')), [giveBack(add('p', 4))]),
      when(equal('word', wordOf('fals')), [giveBack(either(equal(load8(add('p', 4)), char('e')), add('p', 5), -1))]),
    ],
    result: call('skipNumber', 'p'),
  },
  {
    name: 'skipNumber',
    parameters: ['p'],
    locals: ['end', 'sign'],
    body: [
      set('p', add('p', equal(load8('p'), char('-')))),
      set('end', call('skipDigits', 'p')),
      when(equal('end', 'p'), [giveBack(-1)]),
      when(and(equal(load8('p'), char('0')), differ('end', add('p', 1))), [giveBack(-1)]),
      when(equal(load8('end'), char('.')), [
        note(SEEN_IN_VALUE, HAS_FRACTION),
        set('p', add('end', 1)),
        set('end', call('skipDigits', 'p')),
        when(equal('end', 'p'), [giveBack(-1)]),
      ]),
      when(equal(or(load8('end'), 0x20), char('e')), [
        note(SEEN_IN_VALUE, HAS_EXPONENT),
        set('sign', load8(add('end', 1))),
        set('p', add(add('end', 1), isOneOf('sign', '+-'))),
        set('end', call('skipDigits', 'p')),
        when(equal('end', 'p'), [giveBack(-1)]),
      ]),
    ],
    result: 'end',
  },
  {
    name: 'skipDigits',
    parameters: ['p'],
    locals: ['mask'],
    body: [
      loop(
        'vectors',
        set('mask', xor(bitmask(bytesAtMost(bytesMinus(load128('p'), splat(char('0'))), splat(9))), 0xffff)),
        when(isZero('mask'), [set('p', add('p', 16)), again('vectors')]),
      ),
    ],
    result: add('p', trailingZeros('mask')),
  },
  {
    // Without recursion: `open` has a bit for each level, set for an object.
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
            when(equal('depth', MAX_DEPTH), [giveBack(-1)]),
            set('depth', add('depth', 1)),
            set('open', or(shiftLeft('open', 1), equal('byte', char('{')))),
            set('p', afterSpace(add('p', 1))),
            when(differ(load8('p'), closing('open')), [skipNestedKey, again('values')]),
          ],
          [
            set('p', either(equal('byte', char('"')), call('skipString', 'p'), call('skipScalar', 'p'))),
            when(isNegative('p'), [giveBack(-1)]),
            set('p', afterSpace('p')),
          ],
        ),
        loop(
          'ends',
          when(equal(load8('p'), closing('open')), [
            set('depth', subtract('depth', 1)),
            set('open', shiftRight('open', 1)),
            when(isZero('depth'), [giveBack(add('p', 1))]),
            set('p', afterSpace(add('p', 1))),
            again('ends'),
          ]),
        ),
        when(differ(load8('p'), char(',')), [giveBack(-1)]),
        set('p', afterSpace(add('p', 1))),
        skipNestedKey,
        again('values'),
      ),
    ],
    result: -1,
  },
  {
    // A key and its colon, to the value.
    name: 'skipKey',
    parameters: ['p'],
    body: [
      when(differ(load8('p'), char('"')), [giveBack(-1)]),
      set('p', call('skipString', 'p')),
      when(isNegative('p'), [giveBack(-1)]),
      set('p', afterSpace('p')),
      when(differ(load8('p'), char(':')), [giveBack(-1)]),
    ],
    result: afterSpace(add('p', 1)),
  },
];

/** `{` and `[` differ in one bit. */
const isOpening = (byte: Operand): Code => equal(or(byte, 0x20), char('{'));

/** The bracket that closes the innermost level. */
const closing = (open: Operand): Code => add(char(']'), shiftLeft(and(open, 1), 5));

/** Inside of an object, a key stands before each value. */
const skipNestedKey: Code = when(and('open', 1), [
  set('p', call('skipKey', 'p')),
  when(isNegative('p'), [giveBack(-1)]),
]);

const wordOf = (text: string): number => Buffer.from(text, 'latin1').readInt32LE(0);
