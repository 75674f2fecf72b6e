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
  again,
  bitmask,
  bytesEqual,
  call,
  differ,
  equal,
  giveBack,
  isAtLeast,
  isZero,
  load8,
  load32,
  load128,
  loop,
  or,
  set,
  shiftLeft,
  splat,
  store32,
  subtract,
  trailingZeros,
  when,
} from './wasm.ts';

/** Functions over lines, each of them an event. */
export const lineFunctions = (): readonly WasmFunction[] => [
  {
    name: 'findLineEnd',
    parameters: ['p'],
    locals: ['mask'],
    body: [
      loop(
        'vectors',
        set('mask', bitmask(bytesEqual(load128('p'), splat(char('\n'))))),
        when(isZero('mask'), [set('p', add('p', 16)), again('vectors')]),
      ),
    ],
    result: add('p', trailingZeros('mask')),
  },
  {
    // The first line from `p` on that WHERE may want, or that is anything but plain: what the reader of a single event
    // would do with the ones before is to refuse them, because the needed text is not there and cannot come again.
    name: 'skipRefused',
    parameters: ['p', 'end', 'columns'],
    locals: ['line', 'place', 'start', 'length'],
    body: [
      store32(SKIPPED, 0),
      set('place', shiftLeft(load32(NEEDED_COLUMN), 2)),
      loop(
        'lines',
        store32(IS_BEGUN, 0),
        when(isAtLeast('p', 'end'), [giveBack('p')]),
        set('line', call('findLineEnd', 'p')),
        when(differ(call('readEvent', 'p', 'line', 'columns'), MORE), [giveBack('p')]),
        store32(IS_BEGUN, 1),
        set('start', load32('place', STARTS)),
        when(differ(load8('start'), char('"')), [giveBack('p')]),
        when(or(load32('place', SEEN), load32(SEEN_HIGH)), [giveBack('p')]),
        set('start', add('start', 1)),
        set('length', subtract(subtract(load32('place', ENDS), 'start'), 1)),
        when(equal('length', load32(NEEDED_LENGTH)), [
          when(call('isText', 'start', NEEDED_TEXT, 'length'), [giveBack('p')]),
        ]),
        when(call('mayRepeat', 'columns'), [giveBack('p')]),
        store32(SKIPPED, add(load32(SKIPPED), 1)),
        set('p', add('line', 1)),
        again('lines'),
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
        when(isZero('left'), [giveBack(1)]),
        when(differ(load8('p'), load8('text')), [giveBack(0)]),
        set('p', add('p', 1)),
        set('text', add('text', 1)),
        set('left', subtract('left', 1)),
        again('bytes'),
      ),
    ],
    result: 0,
  },
];
