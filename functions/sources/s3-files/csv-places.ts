import { char } from '../../runtime/sql/scan/scan-bytes.ts';
import {
  add,
  and,
  bitmask,
  bytesEqual,
  continueLoop,
  isBelow,
  load128,
  loop,
  set,
  splat,
  store32,
  subtract,
  trailingZeros,
  vectorOr,
  type WasmFunction,
  wasmModule,
  when,
} from '../../runtime/sql/scan/wasm.ts';
import type { LineBreak } from './rows.ts';

/** The places of the bytes that mean something in CSV: quotes, commas and line breaks. */
export interface Places {
  /** Places in the block, in order; after the last one the length of the block. */
  at: Int32Array;
  count: number;
}

export function noPlaces(): Places {
  return { at: new Int32Array(1), count: 0 };
}

/**
 * Finds the places in a block. It is WebAssembly that looks at sixteen bytes at a time, as the scanner of SQL is: four
 * of five bytes of usual CSV mean nothing, and JavaScript took most of its time to look at them.
 */
export function findPlaces(places: Places, block: Buffer, lineBreak: LineBreak): void {
  finder ??= createFinder();
  const { memory, found, find } = finder;
  places.count = 0;
  for (let from = 0; from < block.length; from += PIECE) {
    const length = block.copy(memory, TEXT, from, from + PIECE);
    // No byte behind the text means anything.
    memory.fill(0, TEXT + length, TEXT + length + VECTOR);
    const count = (find(TEXT, TEXT + length, from - TEXT, lineBreak, FOUND) - FOUND) >> 2;
    makeRoom(places, count + 1);
    places.at.set(found.subarray(0, count), places.count);
    places.count += count;
  }
  places.at[places.count] = block.length;
}

function makeRoom(places: Places, more: number): void {
  const { at, count } = places;
  if (count + more <= at.length) return;
  places.at = new Int32Array(Math.max(2 * at.length, count + more));
  places.at.set(at.subarray(0, count));
}

interface Finder {
  readonly memory: Buffer;
  readonly found: Int32Array;
  readonly find: FindPlaces;
}

/** Writes the places of the text [from, to), moved by `shift`, to `out`, and returns where they end. */
type FindPlaces = (
  from: number,
  to: number,
  ...rest: readonly [shift: number, lineBreak: number, out: number]
) => number;

/** One finder serves the whole process: it keeps nothing. */
let finder: Finder | undefined;

/** The part of the WebAssembly API that is used here. TypeScript declares it only in its types for browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
  ) => { readonly exports: { readonly findPlaces: FindPlaces; readonly memory: { buffer: ArrayBuffer } } };
};

const VECTOR = 16;
const PAGE = 1 << 16;
/** The bytes that are searched at a time, and where they and the places found lie in the memory. */
const PIECE = PAGE;
const TEXT = 0;
const FOUND = 2 * PAGE;
const PAGES = 2 + (4 * PIECE) / PAGE;

function createFinder(): Finder {
  const module = new WebAssembly.Module(wasmModule([FIND_PLACES], PAGES));
  const { memory, findPlaces: find } = new WebAssembly.Instance(module).exports;
  return { memory: Buffer.from(memory.buffer), found: new Int32Array(memory.buffer, FOUND), find };
}

const FIND_PLACES: WasmFunction = {
  name: 'findPlaces',
  parameters: ['p', 'end', 'shift', 'lineBreak', 'out'],
  locals: ['mask'],
  vectors: ['bytes'],
  body: [
    loop(
      'vectors',
      set('bytes', load128('p')),
      set(
        'mask',
        bitmask(
          vectorOr(
            vectorOr(bytesEqual('bytes', splat(char('"'))), bytesEqual('bytes', splat(char(',')))),
            bytesEqual('bytes', splat('lineBreak')),
          ),
        ),
      ),
      loop(
        'places',
        when('mask', [
          store32('out', add(add('p', 'shift'), trailingZeros('mask'))),
          set('out', add('out', 4)),
          set('mask', and('mask', subtract('mask', 1))),
          continueLoop('places'),
        ]),
      ),
      set('p', add('p', VECTOR)),
      when(isBelow('p', 'end'), [continueLoop('vectors')]),
    ),
  ],
  result: 'out',
};
