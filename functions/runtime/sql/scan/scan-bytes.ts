import type { Code, Operand } from './wasm.ts';
import {
  add,
  again,
  and,
  bitmask,
  bytesAtMost,
  bytesEqual,
  call,
  equal,
  isZero,
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

/** What the scanner's functions share: pieces of code over bytes. */
export const char = (text: string): number => text.charCodeAt(0);
export const note = (place: number, value: Operand): Code => store32(place, or(load32(place), value));

export const isOneOf = (byte: Operand, characters: string): Code =>
  [...characters].map((character) => equal(byte, char(character))).reduce((a, b) => or(a, b));

/** Moves `p` to the end of plain text, sixteen bytes at a time, and notes the bytes beyond ASCII on the way. */
export const skipPlainText = (noteHigh: (bits: Code) => Code): readonly Code[] => [
  loop(
    'vectors',
    set('bytes', load128('p')),
    set('mask', bitmask(endsPlainText('bytes'))),
    when(isZero('mask'), [noteHigh(bitmask('bytes')), set('p', add('p', 16)), again('vectors')]),
  ),
  // The bits below the lowest one of the mask.
  noteHigh(and(bitmask('bytes'), subtract(and('mask', subtract(0, 'mask')), 1))),
  set('p', add('p', trailingZeros('mask'))),
];

/** A quote, a backslash or a control character. */
const endsPlainText = (bytes: Operand): Code =>
  vectorOr(
    vectorOr(bytesEqual(bytes, splat(char('"'))), bytesEqual(bytes, splat(char('\\')))),
    bytesAtMost(bytes, splat(0x1f)),
  );

/** The first address from `p` on that is no white space. */
export const afterSpace = (p: Operand): Code => call('skipSpace', p);
