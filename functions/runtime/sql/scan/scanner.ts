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
 * The scanner, which finds the columns of an event in its JSON. It is WebAssembly that reads sixteen bytes at a time:
 * JavaScript took nearly three times as long, and nearly twice as long even when specialised for one shape of events.
 * The code is generated here from the functions of scan-*.ts. One scanner serves the whole process, because a memory
 * for each statement would reserve gigabytes of addresses.
 */
export interface Scanner {
  /** The columns that the scanner looks for. */
  columns: readonly string[];
  readonly call: ScannerFunctions;
  /** The scanner's whole memory. */
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
  readonly skipFiltered: (from: number, to: number, columns: number) => number;
}

/** The part of the WebAssembly API that is used here. TypeScript declares it only in its types for browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
  ) => { readonly exports: ScannerFunctions & { readonly memory: { buffer: ArrayBuffer } } };
};

let shared: Scanner | undefined;

export function sharedScanner(): Scanner {
  shared ??= createScanner();
  return shared;
}

/** Tests whether the scanner has room for these columns. */
export function canLookFor(columns: readonly string[]): boolean {
  const bytes = keysOf(columns).map((key) => key.length + 2 * KEY_BYTES);
  return columns.length <= MAX_COLUMNS && bytes.reduce((a, b) => a + b, 0) < REMEMBERED_END - REMEMBERED;
}

/** Makes the scanner look for these columns from now on. */
export function lookForColumns(scanner: Scanner, columns: readonly string[]): void {
  const { call, bytes, numbers } = scanner;
  call.forgetKeys();
  for (const [column, key] of keysOf(columns).entries()) {
    key.copy(bytes, TEXT);
    numbers[(NAMES >> 2) + column] = call.rememberKey(TEXT, key.length, column, isAscii(key) ? 0 : 1);
  }
  numbers[COLUMNS >> 2] = columns.length;
  scanner.columns = columns;
}

/** Returns the keys as the scanner compares them: `"name":`. */
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
