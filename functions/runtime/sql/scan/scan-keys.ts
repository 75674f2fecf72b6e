import { char, skipPlainText } from './scan-bytes.ts';
import {
  COLUMN,
  FOLLOWER,
  FREE,
  IS_HIGH,
  KEY_BYTES,
  KEY_LENGTH,
  LENGTH,
  REMEMBERED,
  REMEMBERED_END,
  SEEN_HIGH,
  TABLE,
  TABLE_SLOTS,
  UNKNOWN,
} from './scan-memory.ts';
import type { Code, Operand, WasmFunction } from './wasm.ts';
import {
  add,
  and,
  bitmask,
  bytesEqual,
  call,
  continueLoop,
  copyMemory,
  equal,
  fillMemory,
  isAbove,
  isBelow,
  isZero,
  load8,
  load32,
  load128,
  loop,
  multiply,
  notEqual,
  or,
  returnValue,
  set,
  shiftLeft,
  shiftRight,
  store32,
  subtract,
  when,
  xor,
} from './wasm.ts';

/**
 * Returns the functions that remember keys, each with its column (-1 for none). The columns of the statement are
 * remembered first, so the statement does not read a key that is not found. When the memory is full, new keys stay
 * unknown: events may use data as keys, of which there is no end.
 */
export const keyFunctions = (): readonly WasmFunction[] => [
  {
    name: 'forgetKeys',
    body: [
      fillMemory(TABLE, 0, 4 * TABLE_SLOTS),
      store32(UNKNOWN, -1, COLUMN),
      fillMemory(REMEMBERED, 0, KEY_BYTES),
      store32(FREE, REMEMBERED + KEY_BYTES),
    ],
    result: 0,
  },
  {
    // Tests whether the key at `p` is this remembered key, sixteen bytes at a time. Bytes loaded beyond the end of the
    // key are ignored.
    name: 'isKey',
    parameters: ['p', 'key'],
    locals: ['left'],
    body: [
      set('left', load32('key', LENGTH)),
      loop(
        'vectors',
        when(isAbove('left', 16), [
          when(notEqual(sameBytes, 0xffff), [returnValue(0)]),
          set('p', add('p', 16)),
          set('key', add('key', 16)),
          set('left', subtract('left', 16)),
          continueLoop('vectors'),
        ]),
      ),
    ],
    result: isShortKey('left'),
  },
  {
    // Finds the slot of the hash table that holds the key at `p`, or the empty slot for it.
    name: 'findSlot',
    parameters: ['p', 'length'],
    locals: ['hash', 'slot', 'key'],
    body: [
      // Hashes the first and the last four bytes. Every key has four, with its quotes and colon.
      set('hash', multiply(add(load32('p'), multiply(load32(subtract(add('p', 'length'), 4)), 0x2545f491)), 0x3779b1)),
      set('hash', xor('hash', add(shiftRight('hash', 15), 'length'))),
      loop(
        'slots',
        set('slot', add(TABLE, shiftLeft(and('hash', TABLE_SLOTS - 1), 2))),
        set('key', load32('slot')),
        when(isZero('key'), [returnValue('slot')]),
        when(equal(load32('key', LENGTH), 'length'), [when(call('isKey', 'p', 'key'), [returnValue('slot')])]),
        set('hash', add('hash', 1)),
        continueLoop('slots'),
      ),
    ],
    result: 0,
  },
  {
    // Remembers a key and returns it; returns the unknown key if the memory is full.
    name: 'rememberKey',
    parameters: ['p', 'length', 'column', 'high'],
    locals: ['key', 'end'],
    body: [
      set('key', load32(FREE)),
      set('end', add('key', add(KEY_BYTES, and(add('length', 15), -16)))),
      when(isAbove('end', REMEMBERED_END), [returnValue(UNKNOWN)]),
      store32('key', 'length', LENGTH),
      store32('key', 'column', COLUMN),
      store32('key', 0, FOLLOWER),
      store32('key', 'high', IS_HIGH),
      copyMemory(add('key', KEY_BYTES), 'p', 'length'),
      store32(call('findSlot', 'p', 'length'), 'key'),
      store32(FREE, 'end'),
    ],
    result: 'key',
  },
  {
    // Finds a key that was not predicted. Returns the remembered key, the unknown key if the memory is full, or -1 if
    // the key needs the slow path. Stores its length.
    name: 'findKey',
    parameters: ['p'],
    locals: ['from', 'mask', 'length', 'high', 'key'],
    vectors: ['bytes'],
    body: [
      set('from', 'p'),
      when(notEqual(load8('p'), char('"')), [returnValue(-1)]),
      set('p', add('p', 1)),
      ...skipPlainText((bits) => set('high', or('high', bits))),
      when(notEqual(and(load32('p'), 0xffff), QUOTE_AND_COLON), [returnValue(-1)]),
      set('length', subtract(add('p', 2), 'from')),
      when(isBelow('length', 4), [returnValue(-1)]),
      store32(KEY_LENGTH, 'length'),
      store32(SEEN_HIGH, or(load32(SEEN_HIGH), 'high')),
      set('key', load32(call('findSlot', 'from', 'length'))),
      when('key', [returnValue('key')]),
    ],
    result: call('rememberKey', 'from', 'length', -1, 'high'),
  },
];

/** Tests whether the at most sixteen bytes at `p` are those of the remembered key. */
export function isShortKey(length: Operand): Code {
  return isZero(shiftLeft(xor(sameBytes, 0xffff), subtract(32, length)));
}

const sameBytes: Code = bitmask(bytesEqual(load128('p'), load128(add('key', KEY_BYTES))));
const QUOTE_AND_COLON = 0x3a22;
