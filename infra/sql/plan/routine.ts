import type { ScalarName, SqlType } from './sql-type.ts';
import { arrayOf, scalar, typeName } from './sql-type.ts';

/** Postgres's pseudo types: any array, its element, the same with conversion to a common type, or any value. */
export type Polymorphic = 'anyarray' | 'anynonarray' | 'anyelement' | 'anycompatible' | 'anycompatiblearray' | 'any';

/**
 * A type of Postgres that is not supported here, written `~category`. The only argument that can match such a parameter
 * is a literal without a type.
 */
export interface Foreign {
  readonly kind: 'foreign';
  readonly category: string;
}

export type Parameter = SqlType | Foreign | { readonly kind: 'polymorphic'; readonly name: Polymorphic };

/** A function or an operator: its parameters, its result type, and the TypeScript that it compiles to. */
export interface Routine {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** The last parameter takes any number of arguments. */
  readonly variadic: boolean;
  readonly returns: Parameter;
  /** The result is null if any argument is null; the code is not called. */
  readonly strict: boolean;
  /** The result may be null although no argument is null. */
  readonly nullable: boolean;
  /**
   * A template of TypeScript. `$1` is the first argument and `$*` all of them. `{module/name}` imports a function of
   * functions/runtime/sql. `<equal>`, `<compare>` and `<output>` stand for those functions of the array's element type.
   * `<texts>` and `<jsons>` stand for all arguments, converted to text or jsonb.
   */
  readonly code: string;
  /** True for a routine of Postgres that is not supported here: a statement that calls it does not compile. */
  readonly unsupported: boolean;
  readonly example: string;
  readonly meaning: string;
}

/** A routine as the catalogue writes it: `[signature, code, example, meaning]`. `routine` explains the signature. */
export type Row = readonly [signature: string, code: string, example: string, meaning: string];

const SIGNATURE = /^(\S+)\((.*)\) (.+?)(\?)?( on null)?$/;

/**
 * Parses a row of the catalogue. A signature is `name(type, type) result`. `?` after the result: may be null although
 * no argument is. `on null` at the end: the code is called for null arguments too. `...type`: any number of arguments.
 */
export function routine([signature, code, example, meaning]: Row): Routine {
  const match = SIGNATURE.exec(signature);
  if (match === null) throw new Error(`not a signature: ${signature}`);
  const [, name = '', list = '', result = '', nullable, onNull] = match;
  const parameters = list === '' ? [] : list.split(', ');
  return {
    name,
    parameters: parameters.map((parameter) => parameterNamed(parameter.replace('...', ''))),
    variadic: list.includes('...'),
    returns: parameterNamed(result),
    strict: onNull === undefined,
    nullable: nullable !== undefined,
    code: /[${<]/.test(code) ? code : `{${code}}($*)`,
    unsupported: code === '',
    example,
    meaning,
  };
}

const POLYMORPHIC: ReadonlySet<string> = new Set([
  'anyarray',
  'anynonarray',
  'anyelement',
  'anycompatible',
  'anycompatiblearray',
  'any',
]);

function parameterNamed(name: string): Parameter {
  if (POLYMORPHIC.has(name)) return { kind: 'polymorphic', name: name as Polymorphic };
  if (name.startsWith('~')) return { kind: 'foreign', category: name.slice(1) };
  if (name.endsWith('[]')) return arrayOf(scalar(name.slice(0, -2) as ScalarName));
  return scalar(name as ScalarName);
}

/**
 * Returns how many of the first arguments make the result null when one of them is null. Variadic arguments do not
 * count: Postgres passes them as one array, and the array is not null even if its elements are.
 */
export const strictCount = ({ strict, variadic, parameters }: Routine): number =>
  strict ? (variadic ? parameters.length - 1 : parameters.length) : 0;

export const parameterText = (parameter: Parameter): string =>
  parameter.kind === 'polymorphic'
    ? parameter.name
    : parameter.kind === 'foreign'
      ? parameter.category
      : typeName(parameter);

export function signatureText(name: string, types: readonly Parameter[]): string {
  return `${name}(${types.map(parameterText).join(', ')})`;
}

/** A routine with the types that its arguments are converted to and the type of its result. */
export interface Resolved {
  readonly routine: Routine;
  readonly parameters: readonly SqlType[];
  readonly returns: SqlType;
}
