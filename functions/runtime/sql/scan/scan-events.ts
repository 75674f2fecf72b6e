import { afterSpace, char, isOneOf, setBits, skipSpaceAt } from './scan-bytes.ts';
import { isShortKey } from './scan-keys.ts';
import {
  COLUMN,
  COLUMNS,
  ENDS,
  EVENT_END,
  FOLLOWER,
  FOUND,
  IS_HIGH,
  KEY_BYTES,
  KEY_LENGTH,
  KEYS,
  LAST_KEY,
  LENGTH,
  NAMES,
  NEXT_KEY,
  REMEMBERED,
  REPEATED,
  SEEN,
  SEEN_HIGH,
  SEEN_IN_VALUE,
  STARTS,
} from './scan-memory.ts';
import type { Code, Operand, WasmFunction } from './wasm.ts';
import {
  add,
  bitmask,
  bytesEqual,
  call,
  continueLoop,
  equal,
  isAbove,
  isAtLeast,
  isBelow,
  isNegative,
  isZero,
  load8,
  load32,
  load128,
  loop,
  notEqual,
  returnValue,
  set,
  shiftLeft,
  splat,
  store32,
  store128,
  subtract,
  trailingZeros,
  vectorAnd,
  vectorOr,
  when,
} from './wasm.ts';

/** How a scan ended: the event needs the slow path, it is read to its end, or there is more to read. */
export const NOT_PLAIN = 0;
export const DONE = 1;
export const MORE = 2;

/** Returns the functions that read one event. */
export const eventFunctions = (): readonly WasmFunction[] => [
  {
    // Starts an event and reads until the first `columns` columns are found.
    name: 'readEvent',
    parameters: ['from', 'to', 'columns'],
    locals: ['p', 'end'],
    body: [
      set('p', STARTS),
      set('end', add('p', shiftLeft(load32(COLUMNS), 2))),
      loop(
        'columns',
        store128('p', splat(0xff)),
        set('p', add('p', 16)),
        when(isBelow('p', 'end'), [continueLoop('columns')]),
      ),
      store32(SEEN_HIGH, 0),
      store32(REPEATED, 0),
      store32(FOUND, 0),
      store32(EVENT_END, 'to'),
      store32(LAST_KEY, REMEMBERED),
      set('p', afterSpace('from')),
      when(notEqual(load8('p'), char('{')), [returnValue(NOT_PLAIN)]),
      set('p', afterSpace(add('p', 1))),
      when(equal(load8('p'), char('}')), [returnValue(call('endEvent', add('p', 1)))]),
      store32(NEXT_KEY, 'p'),
    ],
    result: call('readKeys', 'columns'),
  },
  {
    name: 'readKeys',
    parameters: ['columns'],
    locals: ['p', 'key', 'last', 'length', 'same', 'start', 'end', 'byte', 'column', 'place'],
    body: [
      set('p', load32(NEXT_KEY)),
      set('last', load32(LAST_KEY)),
      loop(
        'keys',
        when(isAtLeast(load32(FOUND), 'columns'), [
          when(isAtLeast('p', load32(EVENT_END)), [returnValue(NOT_PLAIN)]),
          store32(NEXT_KEY, 'p'),
          store32(LAST_KEY, 'last'),
          returnValue(MORE),
        ]),
        set('key', load32('last', FOLLOWER)),
        set('length', load32('key', LENGTH)),
        set('same', 0),
        when('key', [
          when(isAbove('length', 16), [set('same', call('isKey', 'p', 'key'))], [set('same', isShortKey('length'))]),
        ]),
        when(isZero('same'), [
          set('key', call('findKey', 'p')),
          when(isNegative('key'), [returnValue(NOT_PLAIN)]),
          store32('last', 'key', FOLLOWER),
          set('length', load32(KEY_LENGTH)),
        ]),
        setBits(SEEN_HIGH, load32('key', IS_HIGH)),
        set('last', 'key'),
        set('start', add('p', 'length')),
        skipSpaceAt('start'),
        store32(SEEN_IN_VALUE, 0),
        set('byte', load8('start')),
        when(
          equal('byte', char('"')),
          [set('end', call('skipString', 'start'))],
          [
            when(
              isBelow(subtract('byte', char('0')), 10),
              [set('end', call('skipNumber', 'start'))],
              [set('end', call('skipValue', 'start'))],
            ),
          ],
        ),
        when(isNegative('end'), [returnValue(NOT_PLAIN)]),
        set('column', load32('key', COLUMN)),
        when(isZero(isNegative('column')), recordColumn),
        set('p', 'end'),
        skipSpaceAt('p'),
        when(equal(load8('p'), char(',')), [set('p', add('p', 1)), skipSpaceAt('p'), continueLoop('keys')]),
        when(notEqual(load8('p'), char('}')), [returnValue(NOT_PLAIN)]),
      ),
    ],
    result: call('endEvent', add('p', 1)),
  },
  {
    // After the closing brace only white space may follow, up to the end of the event.
    name: 'endEvent',
    parameters: ['p'],
    body: [
      loop(
        'bytes',
        when(equal('p', load32(EVENT_END)), [returnValue(DONE)]),
        when(isOneOf(load8('p'), ' \n\r\t'), [set('p', add('p', 1)), continueLoop('bytes')]),
      ),
    ],
    result: NOT_PLAIN,
  },
  {
    // Tests whether one of the first columns may be repeated in the part of the event that is not read yet. A backslash
    // counts as a repetition, because an escaped key could hide one.
    name: 'mayRepeat',
    parameters: ['columns'],
    locals: ['column', 'key', 'quote', 'p', 'end', 'mask'],
    vectors: ['first'],
    body: [
      set('end', load32(EVENT_END)),
      loop(
        'columns',
        when(isAtLeast('column', 'columns'), [returnValue(0)]),
        set('key', load32(shiftLeft('column', 2), NAMES)),
        set('quote', subtract(load32('key', LENGTH), 2)),
        set('first', splat(load8(add('key', KEY_BYTES + 1)))),
        set('p', load32(NEXT_KEY)),
        loop(
          'vectors',
          set('mask', bitmask(vectorOr(namesFrom('p'), bytesEqual(load128('p'), splat(char('\\')))))),
          when(
            'mask',
            [
              set('p', add('p', trailingZeros('mask'))),
              when(isBelow('p', 'end'), [
                when(equal(load8('p'), char('\\')), [returnValue(1)]),
                when(call('isText', 'p', add('key', KEY_BYTES), subtract(load32('key', LENGTH), 1)), [returnValue(1)]),
                set('p', add('p', 1)),
                continueLoop('vectors'),
              ]),
            ],
            [set('p', add('p', 16)), when(isBelow('p', 'end'), [continueLoop('vectors')])],
          ),
        ),
        set('column', add('column', 1)),
        continueLoop('columns'),
      ),
    ],
    result: 0,
  },
];

/** Records a column. The last occurrence of a repeated key counts, as in JSON.parse. */
const recordColumn: readonly Code[] = [
  set('place', shiftLeft('column', 2)),
  when(
    isNegative(load32('place', STARTS)),
    [store32(FOUND, add(load32(FOUND), isBelow('column', 'columns')))],
    [store32(REPEATED, 1)],
  ),
  store32('place', 'start', STARTS),
  store32('place', 'end', ENDS),
  store32('place', 'p', KEYS),
  store32('place', load32(SEEN_IN_VALUE), SEEN),
];

/** Of sixteen positions, finds those with a quote, the first byte of the name, and another quote after its length. */
const namesFrom = (p: Operand): Code =>
  vectorAnd(
    vectorAnd(bytesEqual(load128(p), splat(char('"'))), bytesEqual(load128(add(p, 1)), 'first')),
    bytesEqual(load128(add(p, 'quote')), splat(char('"'))),
  );
