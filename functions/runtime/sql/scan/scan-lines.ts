import { char } from './scan-bytes.ts';
import { MORE } from './scan-events.ts';
import {
  ENDS,
  IS_BEGUN,
  NEEDED_COLUMN,
  NEEDED_LENGTH,
  NEEDED_TEXT,
  SEEN,
  SEEN_HIGH,
  SKIPPED,
  STARTS,
} from './scan-memory.ts';
import type { WasmFunction } from './wasm.ts';
import {
  add,
  bitmask,
  bytesEqual,
  call,
  continueLoop,
  equal,
  isAtLeast,
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
  splat,
  store32,
  subtract,
  trailingZeros,
  when,
} from './wasm.ts';

/** Returns the functions that read lines, each of which is an event. */
export const lineFunctions = (): readonly WasmFunction[] => [
  {
    name: 'findLineEnd',
    parameters: ['p'],
    locals: ['mask'],
    body: [
      loop(
        'vectors',
        set('mask', bitmask(bytesEqual(load128('p'), splat(char('\n'))))),
        when(isZero('mask'), [set('p', add('p', 16)), continueLoop('vectors')]),
      ),
    ],
    result: add('p', trailingZeros('mask')),
  },
  {
    // Finds the first line from `p` for which WHERE may be true, or that needs the slow path. For all lines before it
    // WHERE is false: they do not have the needed text, and a repeated key cannot supply it.
    name: 'skipFiltered',
    parameters: ['p', 'end', 'columns'],
    locals: ['line', 'place', 'start', 'length'],
    body: [
      store32(SKIPPED, 0),
      set('place', shiftLeft(load32(NEEDED_COLUMN), 2)),
      loop(
        'lines',
        store32(IS_BEGUN, 0),
        when(isAtLeast('p', 'end'), [returnValue('p')]),
        set('line', call('findLineEnd', 'p')),
        when(notEqual(call('readEvent', 'p', 'line', 'columns'), MORE), [returnValue('p')]),
        store32(IS_BEGUN, 1),
        set('start', load32('place', STARTS)),
        when(notEqual(load8('start'), char('"')), [returnValue('p')]),
        when(or(load32('place', SEEN), load32(SEEN_HIGH)), [returnValue('p')]),
        set('start', add('start', 1)),
        set('length', subtract(subtract(load32('place', ENDS), 'start'), 1)),
        when(equal('length', load32(NEEDED_LENGTH)), [
          when(call('isText', 'start', NEEDED_TEXT, 'length'), [returnValue('p')]),
        ]),
        when(call('mayRepeat', 'columns'), [returnValue('p')]),
        store32(SKIPPED, add(load32(SKIPPED), 1)),
        set('p', add('line', 1)),
        continueLoop('lines'),
      ),
    ],
    result: 'p',
  },
  {
    name: 'isText',
    parameters: ['p', 'text', 'left'],
    body: [
      loop(
        'bytes',
        when(isZero('left'), [returnValue(1)]),
        when(notEqual(load8('p'), load8('text')), [returnValue(0)]),
        set('p', add('p', 1)),
        set('text', add('text', 1)),
        set('left', subtract('left', 1)),
        continueLoop('bytes'),
      ),
    ],
    result: 0,
  },
];
