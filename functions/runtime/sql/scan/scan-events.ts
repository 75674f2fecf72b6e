import { afterSpace, char, isOneOf, note } from './scan-bytes.ts';
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
  again,
  and,
  bitmask,
  bytesEqual,
  call,
  differ,
  equal,
  giveBack,
  isAtLeast,
  isBelow,
  isNegative,
  isZero,
  load8,
  load32,
  load128,
  loop,
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

/** How a scan ended: the event is not plain, it is read, or there is more of it. */
export const ODD = 0;
export const DONE = 1;
export const MORE = 2;

/** Functions over one event, or a line of many. */
export const eventFunctions = (): readonly WasmFunction[] => [
  {
    // Begins an event and reads until as many of its first columns are found.
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
        when(isBelow('p', 'end'), [again('columns')]),
      ),
      store32(SEEN_HIGH, 0),
      store32(REPEATED, 0),
      store32(FOUND, 0),
      store32(EVENT_END, 'to'),
      store32(LAST_KEY, REMEMBERED),
      set('p', afterSpace('from')),
      when(differ(load8('p'), char('{')), [giveBack(ODD)]),
      set('p', afterSpace(add('p', 1))),
      when(equal(load8('p'), char('}')), [giveBack(call('endEvent', add('p', 1)))]),
      store32(NEXT_KEY, 'p'),
    ],
    result: call('readKeys', 'columns'),
  },
  {
    name: 'readKeys',
    parameters: ['columns'],
    locals: ['p', 'key', 'last', 'length', 'start', 'end', 'column', 'place'],
    body: [
      set('p', load32(NEXT_KEY)),
      set('last', load32(LAST_KEY)),
      loop(
        'keys',
        when(isAtLeast(load32(FOUND), 'columns'), [
          when(isAtLeast('p', load32(EVENT_END)), [giveBack(ODD)]),
          store32(NEXT_KEY, 'p'),
          store32(LAST_KEY, 'last'),
          giveBack(MORE),
        ]),
        set('key', load32('last', FOLLOWER)),
        set('length', load32('key', LENGTH)),
        when(isZero(and(differ('key', 0), call('isKey', 'p', 'key'))), [
          set('key', call('findKey', 'p')),
          when(isNegative('key'), [giveBack(ODD)]),
          store32('last', 'key', FOLLOWER),
          set('length', load32(KEY_LENGTH)),
        ]),
        note(SEEN_HIGH, load32('key', IS_HIGH)),
        set('last', 'key'),
        set('start', afterSpace(add('p', 'length'))),
        store32(SEEN_IN_VALUE, 0),
        set('end', call('skipValue', 'start')),
        when(isNegative('end'), [giveBack(ODD)]),
        set('column', load32('key', COLUMN)),
        when(isZero(isNegative('column')), noteColumn),
        set('p', afterSpace('end')),
        when(equal(load8('p'), char(',')), [set('p', afterSpace(add('p', 1))), again('keys')]),
        when(differ(load8('p'), char('}')), [giveBack(ODD)]),
      ),
    ],
    result: call('endEvent', add('p', 1)),
  },
  {
    // Behind the closing brace there may be white space, to the end of the event.
    name: 'endEvent',
    parameters: ['p'],
    body: [
      loop(
        'bytes',
        when(equal('p', load32(EVENT_END)), [giveBack(DONE)]),
        when(isOneOf(load8('p'), ' \n\r\t'), [set('p', add('p', 1)), again('bytes')]),
      ),
    ],
    result: ODD,
  },
  {
    // Whether one of the first columns may come again in the part of the event that is not read yet: a backslash could
    // hide it.
    name: 'mayRepeat',
    parameters: ['columns'],
    locals: ['column', 'key', 'quote', 'p', 'end', 'mask'],
    vectors: ['first'],
    body: [
      set('end', load32(EVENT_END)),
      loop(
        'columns',
        when(isAtLeast('column', 'columns'), [giveBack(0)]),
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
                when(equal(load8('p'), char('\\')), [giveBack(1)]),
                when(call('isText', 'p', add('key', KEY_BYTES), subtract(load32('key', LENGTH), 1)), [giveBack(1)]),
                set('p', add('p', 1)),
                again('vectors'),
              ]),
            ],
            [set('p', add('p', 16)), when(isBelow('p', 'end'), [again('vectors')])],
          ),
        ),
        set('column', add('column', 1)),
        again('columns'),
      ),
    ],
    result: 0,
  },
];

/** The last one of a repeated key counts, as it does to JSON.parse. */
const noteColumn: readonly Code[] = [
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

/** Of sixteen places, those with a quote, then the first byte of the name, and a quote behind the name's length. */
const namesFrom = (p: Operand): Code =>
  vectorAnd(
    vectorAnd(bytesEqual(load128(p), splat(char('"'))), bytesEqual(load128(add(p, 1)), 'first')),
    bytesEqual(load128(add(p, 'quote')), splat(char('"'))),
  );
