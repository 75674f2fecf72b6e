/**
 * Code of a WebAssembly function, built from TypeScript expressions. This file has the instructions that the scanner
 * needs. Every instruction is a function that returns code; an operand is code, a number, or the name of a local. All
 * numbers are i32. A vector is 16 bytes, loaded with `load128`.
 */
export type Code = (scope: Scope) => readonly number[];
export type Operand = Code | number | string;

export interface Scope {
  /** The labels of the loops around the code, innermost first. */
  readonly labels: readonly string[];
  readonly locals: readonly string[];
  readonly functions: readonly string[];
}

const instruction =
  (...opcode: readonly number[]) =>
  (...operands: readonly Operand[]): Code =>
  (scope) => [...operands.flatMap((operand) => codeOf(operand, scope)), ...opcode];

export const isZero = instruction(0x45);
export const equal = instruction(0x46);
export const notEqual = instruction(0x47);
export const isBelow = instruction(0x49);
export const isAbove = instruction(0x4b);
export const isAtLeast = instruction(0x4f);
export const isNegative = (value: Operand): Code => instruction(0x48)(value, 0);
export const trailingZeros = instruction(0x68);
export const add = instruction(0x6a);
export const subtract = instruction(0x6b);
export const multiply = instruction(0x6c);
export const and = instruction(0x71);
export const or = instruction(0x72);
export const xor = instruction(0x73);
export const shiftLeft = instruction(0x74);
export const shiftRight = instruction(0x76);

/** Loads and stores. Addresses need no alignment. */
export const load8 = instruction(0x2d, 0, 0);
export const load32 = (address: Operand, offset = 0): Code => instruction(0x28, 0, ...unsigned(offset))(address);
export const store32 = (address: Operand, value: Operand, offset = 0): Code =>
  instruction(0x36, 0, ...unsigned(offset))(address, value);
export const copyMemory = (to: Operand, from: Operand, length: Operand): Code =>
  instruction(0xfc, 0x0a, 0, 0)(to, from, length);
export const fillMemory = (at: Operand, byte: Operand, length: Operand): Code =>
  instruction(0xfc, 0x0b, 0)(at, byte, length);

export const load128 = instruction(0xfd, 0x00, 0, 0);
export const store128 = instruction(0xfd, 0x0b, 0, 0);
/** Makes a vector of 16 copies of a byte. */
export const splat = instruction(0xfd, 0x0f);
export const bytesEqual = instruction(0xfd, 0x23);
export const bytesAtMost = instruction(0xfd, 0x2a);
export const bytesMinus = instruction(0xfd, 0x71);
export const vectorAnd = instruction(0xfd, 0x4e);
export const vectorOr = instruction(0xfd, 0x50);
/** Collects the highest bit of each byte of a vector. The first byte gives the lowest bit. */
export const bitmask = instruction(0xfd, 0x64);

export const set =
  (local: string, value: Operand): Code =>
  (scope) => [...codeOf(value, scope), 0x21, localIndex(local, scope)];

export const call =
  (name: string, ...operands: readonly Operand[]): Code =>
  (scope) => [...operands.flatMap((operand) => codeOf(operand, scope)), 0x10, indexIn(scope.functions, name)];

export const returnValue = instruction(0x0f);

const VOID = 0x40;

/** Runs its body once. `continueLoop` with the loop's label, inside the body, starts the body again. */
export const loop =
  (label: string, ...body: readonly Code[]): Code =>
  (scope) => [0x03, VOID, ...inside(scope, label, body), 0x0b];

export const continueLoop =
  (label: string): Code =>
  ({ labels }) => [0x0c, indexIn(labels, label)];

export const when =
  (condition: Operand, then: readonly Code[], otherwise: readonly Code[] = []): Code =>
  (scope) => [
    ...codeOf(condition, scope),
    0x04,
    VOID,
    ...inside(scope, '', then),
    ...(otherwise.length === 0 ? [] : [0x05, ...inside(scope, '', otherwise)]),
    0x0b,
  ];

/** Evaluates one of two numbers, depending on a condition. */
export const either =
  (condition: Operand, then: Operand, otherwise: Operand): Code =>
  (scope) => {
    const inner = { ...scope, labels: ['', ...scope.labels] };
    return [...codeOf(condition, scope), 0x04, I32, ...codeOf(then, inner), 0x05, ...codeOf(otherwise, inner), 0x0b];
  };

export interface WasmFunction {
  readonly name: string;
  readonly parameters?: readonly string[];
  readonly locals?: readonly string[];
  /** Locals that are vectors. */
  readonly vectors?: readonly string[];
  readonly body: readonly Code[];
  /** The function's result, unless `returnValue` ended the function before. */
  readonly result: Operand;
}

/** Returns the bytes of a module with one memory. The module exports the memory and all functions. */
export function wasmModule(functions: readonly WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const names = functions.map(({ name }) => name);
  const arities = [...new Set(functions.map(({ parameters = [] }) => parameters.length))];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(
      1,
      arities.map((arity) => [0x60, ...vector(Array.from({ length: arity }, () => [I32])), ...vector([[I32]])]),
    ),
    ...section(
      3,
      functions.map(({ parameters = [] }) => [arities.indexOf(parameters.length)]),
    ),
    ...section(5, [[0x01, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(7, [
      [...text('memory'), 0x02, 0x00],
      ...names.map((name, index) => [...text(name), 0x00, ...unsigned(index)]),
    ]),
    ...section(
      10,
      functions.map((one) => sized(bodyOf(one, names))),
    ),
  ]);
}

const I32 = 0x7f;
const V128 = 0x7b;

function bodyOf(
  { parameters = [], locals = [], vectors = [], body, result }: WasmFunction,
  functions: readonly string[],
): readonly number[] {
  const scope = { labels: [], functions, locals: [...parameters, ...locals, ...vectors] };
  const declared = [
    [...unsigned(locals.length), I32],
    [...unsigned(vectors.length), V128],
  ];
  return [...vector(declared), ...body.flatMap((code) => code(scope)), ...codeOf(result, scope), 0x0b];
}

function codeOf(operand: Operand, scope: Scope): readonly number[] {
  if (typeof operand === 'number') return [0x41, ...signed(operand)];
  return typeof operand === 'string' ? [0x20, localIndex(operand, scope)] : operand(scope);
}

const localIndex = (name: string, { locals }: Scope): number => indexIn(locals, name);

function indexIn(names: readonly string[], name: string): number {
  const index = names.indexOf(name);
  if (index === -1) throw new Error(`unknown name ${name}: use one of ${names.join(', ')}`);
  return index;
}

const inside = (scope: Scope, label: string, body: readonly Code[]): readonly number[] =>
  body.flatMap((code) => code({ ...scope, labels: [label, ...scope.labels] }));

const section = (id: number, items: readonly (readonly number[])[]): readonly number[] => [id, ...sized(vector(items))];
const sized = (bytes: readonly number[]): readonly number[] => [...unsigned(bytes.length), ...bytes];
const vector = (items: readonly (readonly number[])[]): readonly number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const text = (name: string): readonly number[] => sized([...Buffer.from(name, 'utf8')]);

/** Encodes a number in LEB128: seven bits per byte, the lowest first. */
function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): readonly number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
