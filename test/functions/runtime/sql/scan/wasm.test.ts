import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Operand, WasmFunction } from '../../../../../functions/runtime/sql/scan/wasm.ts';
import {
  add,
  bitmask,
  bytesEqual,
  call,
  continueLoop,
  either,
  isBelow,
  isNegative,
  load8,
  load32,
  load128,
  loop,
  returnValue,
  set,
  splat,
  store32,
  subtract,
  wasmModule,
  when,
} from '../../../../../functions/runtime/sql/scan/wasm.ts';

declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
  ) => { exports: Record<string, (...args: number[]) => number> & { memory: { buffer: ArrayBuffer } } };
};

function run(...functions: readonly WasmFunction[]) {
  return new WebAssembly.Instance(new WebAssembly.Module(wasmModule(functions, 1))).exports;
}

const one = (result: Operand, parameters: readonly string[] = []) =>
  run({ name: 'f', parameters, body: [], result }).f!;

test('a number of any size and sign is the same in the module', () => {
  fc.assert(
    fc.property(fc.oneof(fc.integer(), fc.constantFrom(63, 64, -64, -65, 127, 128, 8191, 8192)), (value) => {
      expect(one(value)()).toBe(value);
    }),
  );
});

test('offsets of addresses may need several bytes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60_000 }), fc.integer(), (offset, value) => {
      const { f } = run({
        name: 'f',
        parameters: ['at'],
        body: [store32('at', value, offset)],
        result: load32('at', offset),
      });
      expect(f!(8)).toBe(value);
    }),
  );
});

test('loops end, branches choose, and functions call each other', () => {
  const { sumTo } = run(
    {
      name: 'sumTo',
      parameters: ['most'],
      locals: ['i', 'sum'],
      body: [
        when(isNegative('most'), [returnValue(-1)]),
        loop(
          'numbers',
          set('sum', call('plus', 'sum', 'i')),
          set('i', add('i', 1)),
          when(isBelow('i', 'most'), [continueLoop('numbers')], []),
        ),
      ],
      result: call('plus', 'sum', either(isBelow(0, 'most'), 'most', 0)),
    },
    { name: 'plus', parameters: ['a', 'b'], body: [], result: add('a', 'b') },
  );
  expect([-3, 0, 1, 10].map((most) => sumTo!(most))).toEqual([-1, 0, 1, 55]);
});

test('vectors hold sixteen bytes from any address, the first one lowest', () => {
  const { memory, f } = run({
    name: 'f',
    parameters: ['at', 'byte'],
    vectors: ['bytes'],
    body: [set('bytes', load128('at'))],
    result: bitmask(bytesEqual('bytes', splat(load8(subtract(add('at', 'byte'), 'at'))))),
  });
  const bytes = new Uint8Array(memory.buffer);
  bytes.set([7, 1, 7, 0, 7], 101);
  bytes[3] = 7;
  expect(f!(101, 3)).toBe(0b10101);
  expect(f!(102, 3)).toBe(0b1010);
});

test('an unknown name is an error when the module is built', () => {
  expect(() => one(add('p', 1), ['q'])).toThrow('unknown name p: use one of q');
  expect(() => one(call('skipStrng', 1))).toThrow('unknown name skipStrng: use one of f');
});
