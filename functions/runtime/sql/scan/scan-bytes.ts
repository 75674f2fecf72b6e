import type { Code, Operand } from './wasm.ts';
import {
  add,
  and,
  bitmask,
  bytesAtMost,
  bytesEqual,
  call,
  continueLoop,
  equal,
  isBelow,
  isZero,
  load8,
  load32,
  load128,
  loop,
  or,
  set,
  splat,
  store32,
  subtract,
  trailingZeros,
  vectorOr,
  when,
} from './wasm.ts';

/** Returns the code of a character. This file has the pieces of code that the scanner's functions share. */
export const char = (text: string): number => text.charCodeAt(0);
export const setBits = (place: number, value: Operand): Code => store32(place, or(load32(place), value));

export const isOneOf = (byte: Operand, characters: string): Code =>
  [...characters].map((character) => equal(byte, char(character))).reduce((a, b) => or(a, b));

/** Moves `p` to the end of plain text, sixteen bytes at a time, and passes on a mask of the bytes beyond ASCII. */
export const skipPlainText = (noteHigh: (bits: Code) => Code): readonly Code[] => [
  loop(
    'vectors',
    set('bytes', load128('p')),
    set('mask', bitmask(endsPlainText('bytes'))),
    when(isZero('mask'), [noteHigh(bitmask('bytes')), set('p', add('p', 16)), continueLoop('vectors')]),
  ),
  // Only the bits below the lowest bit of the mask count.
  noteHigh(and(bitmask('bytes'), subtract(and('mask', subtract(0, 'mask')), 1))),
  set('p', add('p', trailingZeros('mask'))),
];

/** Finds the bytes that end plain text: a quote, a backslash or a control character. */
const endsPlainText = (bytes: Operand): Code =>
  vectorOr(
    vectorOr(bytesEqual(bytes, splat(char('"'))), bytesEqual(bytes, splat(char('\\')))),
    bytesAtMost(bytes, splat(0x1f)),
  );

/** Moves an address beyond white space. There is usually none, and then nothing is called: hot path. */
export const skipSpaceAt = (p: string): Code => when(isBelow(load8(p), char(' ') + 1), [set(p, call('skipSpace', p))]);

/** Returns the first address from `p` that is not white space. */
export const afterSpace = (p: Operand): Code => call('skipSpace', p);
