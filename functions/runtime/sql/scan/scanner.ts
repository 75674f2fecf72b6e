import { isAscii } from 'node:buffer';
import { eventFunctions } from './scan-events.ts';
import { keyFunctions } from './scan-keys.ts';
import { lineFunctions } from './scan-lines.ts';
import {
  COLUMNS,
  ENDS,
  KEY_BYTES,
  KEYS,
  MAX_COLUMNS,
  NAMES,
  PAGES,
  REMEMBERED,
  REMEMBERED_END,
  SEEN,
  STARTS,
  TEXT,
} from './scan-memory.ts';
import { valueFunctions } from './scan-values.ts';
import { wasmModule } from './wasm.ts';

/**
 * The scanner is WebAssembly, sixteen bytes at a time, because JavaScript took nearly three times as long, and nearly
 * twice as long even when it was written for one shape of events alone. Its code is made here, from the functions of
 * scan-*.ts. There is one for the whole process: a memory of its own for every statement would reserve gigabytes of
 * addresses for each.
 */
export interface Scanner {
  /** What it looks for. */
  columns: readonly string[];
  readonly call: ScannerFunctions;
  /** All of its memory. */
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly numbers: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly keys: Int32Array;
  readonly seen: Int32Array;
}

interface ScannerFunctions {
  readonly forgetKeys: () => number;
  readonly rememberKey: (
    at: number,
    length: number,
    ...columnAndHigh: readonly [column: number, high: number]
  ) => number;
  readonly readEvent: (from: number, to: number, columns: number) => number;
  readonly readKeys: (columns: number) => number;
  readonly mayRepeat: (columns: number) => number;
  readonly findLineEnd: (at: number) => number;
  readonly skipRefused: (from: number, to: number, columns: number) => number;
}

/** The part of the language's WebAssembly that is used; its types are with those of browsers only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
  ) => { readonly exports: ScannerFunctions & { readonly memory: { buffer: ArrayBuffer } } };
};

let shared: Scanner | undefined;

export function theScanner(): Scanner {
  shared ??= createScanner();
  return shared;
}

/** Whether there is room for them. */
export function canKnow(columns: readonly string[]): boolean {
  const bytes = keysOf(columns).map((key) => key.length + 2 * KEY_BYTES);
  return columns.length <= MAX_COLUMNS && bytes.reduce((a, b) => a + b, 0) < REMEMBERED_END - REMEMBERED;
}

/** Looks for these columns from now on. */
export function knowColumns(scanner: Scanner, columns: readonly string[]): void {
  const { call, bytes, numbers } = scanner;
  call.forgetKeys();
  for (const [column, key] of keysOf(columns).entries()) {
    key.copy(bytes, TEXT);
    numbers[(NAMES >> 2) + column] = call.rememberKey(TEXT, key.length, column, isAscii(key) ? 0 : 1);
  }
  numbers[COLUMNS >> 2] = columns.length;
  scanner.columns = columns;
}

/** `"name":`, as the scanner finds them. */
const keysOf = (columns: readonly string[]): readonly Buffer[] =>
  columns.map((name) => Buffer.from(`${JSON.stringify(name)}:`, 'utf8'));

function createScanner(): Scanner {
  const code = wasmModule([...valueFunctions(), ...keyFunctions(), ...eventFunctions(), ...lineFunctions()], PAGES);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  const { buffer } = exports.memory;
  const columns = (at: number): Int32Array => new Int32Array(buffer, at, MAX_COLUMNS);
  return {
    columns: [],
    call: exports,
    bytes: Buffer.from(buffer),
    view: new DataView(buffer),
    numbers: new Int32Array(buffer),
    starts: columns(STARTS),
    ends: columns(ENDS),
    keys: columns(KEYS),
    seen: columns(SEEN),
  };
}
