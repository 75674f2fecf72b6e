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
import type { Code, WasmFunction } from './wasm.ts';
import {
  add,
  again,
  and,
  bitmask,
  bytesEqual,
  call,
  copyMemory,
  differ,
  equal,
  fillMemory,
  giveBack,
  isAbove,
  isBelow,
  isZero,
  load8,
  load32,
  load128,
  loop,
  multiply,
  or,
  set,
  shiftLeft,
  shiftRight,
  store32,
  subtract,
  when,
  xor,
} from './wasm.ts';

/**
 * Keys are remembered with the column that they are of, or -1. The columns of the statement are remembered first, so
 * what is not found is not read by it; when there is no room for more, such keys stay unknown, because keys may be
 * data.
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
    // Whether the remembered key is the one at `p`, sixteen bytes at a time. What is loaded beyond its end is not
    // looked at.
    name: 'isKey',
    parameters: ['p', 'key'],
    locals: ['left'],
    body: [
      set('left', load32('key', LENGTH)),
      loop(
        'vectors',
        when(isAbove('left', 16), [
          when(differ(sameBytes, 0xffff), [giveBack(0)]),
          set('p', add('p', 16)),
          set('key', add('key', 16)),
          set('left', subtract('left', 16)),
          again('vectors'),
        ]),
      ),
    ],
    result: isZero(shiftLeft(xor(sameBytes, 0xffff), subtract(32, 'left'))),
  },
  {
    // The slot of the table that holds the key at `p`, or the empty one that it belongs in.
    name: 'findSlot',
    parameters: ['p', 'length'],
    locals: ['hash', 'slot', 'key'],
    body: [
      // The first and the last four bytes: every key has as many, with its quotes and its colon.
      set('hash', multiply(add(load32('p'), multiply(load32(subtract(add('p', 'length'), 4)), 0x2545f491)), 0x3779b1)),
      set('hash', xor('hash', add(shiftRight('hash', 15), 'length'))),
      loop(
        'slots',
        set('slot', add(TABLE, shiftLeft(and('hash', TABLE_SLOTS - 1), 2))),
        set('key', load32('slot')),
        when(isZero('key'), [giveBack('slot')]),
        when(equal(load32('key', LENGTH), 'length'), [when(call('isKey', 'p', 'key'), [giveBack('slot')])]),
        set('hash', add('hash', 1)),
        again('slots'),
      ),
    ],
    result: 0,
  },
  {
    // Gives the remembered key, or the unknown one when there is no room for it.
    name: 'rememberKey',
    parameters: ['p', 'length', 'column', 'high'],
    locals: ['key', 'end'],
    body: [
      set('key', load32(FREE)),
      set('end', add('key', add(KEY_BYTES, and(add('length', 15), -16)))),
      when(isAbove('end', REMEMBERED_END), [giveBack(UNKNOWN)]),
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
    // A key that was not expected: its remembered form, the unknown one, or -1 when it is not plain. Its length is
    // noted.
    name: 'findKey',
    parameters: ['p'],
    locals: ['from', 'mask', 'length', 'high', 'key'],
    vectors: ['bytes'],
    body: [
      set('from', 'p'),
      when(differ(load8('p'), char('"')), [giveBack(-1)]),
      set('p', add('p', 1)),
      ...skipPlainText((bits) => set('high', or('high', bits))),
      when(differ(and(load32('p'), 0xffff), QUOTE_AND_COLON), [giveBack(-1)]),
      set('length', subtract(add('p', 2), 'from')),
      when(isBelow('length', 4), [giveBack(-1)]),
      store32(KEY_LENGTH, 'length'),
      store32(SEEN_HIGH, or(load32(SEEN_HIGH), 'high')),
      set('key', load32(call('findSlot', 'from', 'length'))),
      when('key', [giveBack('key')]),
    ],
    result: call('rememberKey', 'from', 'length', -1, 'high'),
  },
];

const sameBytes: Code = bitmask(bytesEqual(load128('p'), load128(add('key', KEY_BYTES))));
const QUOTE_AND_COLON = 0x3a22;
