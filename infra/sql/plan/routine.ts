import type { ScalarName, SqlType } from './sql-type.ts';
import { arrayOf, scalar, typeName } from './sql-type.ts';

/** Postgres's pseudo types: any array, its element, and the same with conversion to a common type. */
export type Polymorphic = 'anyarray' | 'anynonarray' | 'anyelement' | 'anycompatible' | 'anycompatiblearray' | 'any';

/**
 * A type of Postgres that is not supported here, written `~category`. Only a literal without a type could be meant for
 * it.
 */
export interface Foreign {
  readonly kind: 'foreign';
  readonly category: string;
}

export type Parameter = SqlType | Foreign | { readonly kind: 'polymorphic'; readonly name: Polymorphic };

/** A function or an operator: what it takes, what it gives, and the TypeScript that it becomes. */
export interface Routine {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** The last parameter may come any number of times. */
  readonly variadic: boolean;
  readonly returns: Parameter;
  /** Null for any null argument, without a call. */
  readonly strict: boolean;
  /** May be null although no argument is. */
  readonly nullable: boolean;
  /**
   * `$1` is an argument, `$*` all of them, `{module/name}` an import from functions/runtime/sql; `<equal>`,
   * `<compare>`, `<output>` are those functions of the array's element, and `<texts>`, `<jsons>` turn every argument
   * into text or jsonb.
   */
  readonly code: string;
  /** Postgres has it and this does not: a statement that means it is refused. */
  readonly unsupported: boolean;
  readonly example: string;
  readonly meaning: string;
}

/** `[signature, code, example, meaning]`; see `routine` for the signature. */
export type Row = readonly [signature: string, code: string, example: string, meaning: string];

const SIGNATURE = /^(\S+)\((.*)\) (.+?)(\?)?( on null)?$/;

/**
 * `name(type, type) result`. A result with `?` may be null for arguments that are not; `on null` says that the code is
 * called with nulls; `...type` is variadic.
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
 * How many of the arguments make a strict routine null: the variadic ones are an array to Postgres, which is there even
 * if they are null.
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
