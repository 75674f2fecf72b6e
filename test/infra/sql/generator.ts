import { FUNCTIONS } from '../../../infra/sql/catalog/functions.ts';
import { OPERATORS } from '../../../infra/sql/catalog/operators.ts';
import type { Parameter, Routine } from '../../../infra/sql/plan/routine.ts';
import { parameterText } from '../../../infra/sql/plan/routine.ts';
import type { ScalarName, SqlType } from '../../../infra/sql/plan/sql-type.ts';
import { arrayOf, scalar } from '../../../infra/sql/plan/sql-type.ts';
import type { TestColumn, TestRow } from './compiled-expression.ts';
import type { Generated } from './generated.ts';
import { leaf, node } from './generated.ts';
import { randomPattern, randomSubject, takesPattern } from './patterns.ts';
import { ARGUMENTS, CONSTANTS, POOLS } from './pools.ts';
import type { Random } from './random.ts';

/** What expressions are made of: chances, and the columns that they can name, as they are written. */
export interface Pen {
  readonly random: Random;
  readonly columns: readonly Leaf[];
}

export interface Leaf {
  readonly sql: string;
  readonly type: string;
}

const TYPES = Object.keys(POOLS);
export const typeNamed = (name: string): SqlType =>
  name.endsWith('[]') ? arrayOf(scalar(name.slice(0, -2) as ScalarName)) : scalar(name as ScalarName);

/** A table with a column of every type, and two of the commonest. */
export const COLUMNS: readonly TestColumn[] = [...TYPES, 'text', 'integer', 'numeric'].map((name, i) => ({
  name: `c${i}`,
  type: typeNamed(name),
}));
const NAMES = [...TYPES, 'text', 'integer', 'numeric'];
export const LEAVES: readonly Leaf[] = NAMES.map((type, i) => ({ sql: `c${i}`, type }));

export const randomRow = (random: Random): TestRow =>
  NAMES.map((name) => (random.chance(0.15) ? null : random.pick(POOLS[name]!)));
export const tableDefinition = (table: string): string =>
  `create table ${table} (id int, ${NAMES.map((name, i) => `c${i} ${name}`).join(', ')})`;

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export function expression(pen: Pen, type: string, depth: number): Generated {
  if (depth <= 0 || pen.random.chance(0.12)) return pen.random.chance(0.85) ? column(pen, type) : literal(pen, type);
  return pen.random.chance(0.7) ? routineCall(pen, type, depth) : special(pen, type, depth);
}

function column(pen: Pen, type: string): Generated {
  const fitting = pen.columns.filter((known) => known.type === type);
  return fitting.length === 0 ? literal(pen, type) : leaf(type, pen.random.pick(fitting).sql);
}

function literal(pen: Pen, type: string): Generated {
  if (pen.random.chance(0.06)) return leaf(type, `null::${type}`);
  if (NUMBERS[type] !== undefined && pen.random.chance(0.3)) return leaf(type, pen.random.pick(NUMBERS[type]));
  const quoted = pen.random.chance(0.2) ? (CONSTANTS[type] ?? POOLS[type]!) : POOLS[type]!;
  return leaf(type, `${quote(pen.random.pick(quoted))}::${type}`);
}

/** Numbers without quotes: their type is that of the smallest range that they fit. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  integer: ['-2147483648', '2147483647', '- 2147483648', '0x7fffffff', '-0x80000000', '1_000', '0b101'],
  bigint: ['2147483648', '-2147483649', '-9223372036854775808', '9223372036854775807', '0x80000000'],
  numeric: ['9223372036854775808', '-9223372036854775809', '1e3', '.5', '1.50'],
};

const ROUTINES = [...OPERATORS, ...FUNCTIONS].filter(({ name }) => name !== 'like_escape');

function routineCall(pen: Pen, type: string, depth: number): Generated {
  const fitting = ROUTINES.filter(
    (routine) => gives(routine.returns, type) && !isApproximate(routine) && !isUnordered(routine, type),
  );
  if (fitting.length === 0) return special(pen, type, depth);
  const routine = pen.random.pick(fitting);
  const element =
    type.endsWith('[]') && routine.returns.kind === 'polymorphic'
      ? type.slice(0, -2)
      : pen.random.pick(['integer', 'text', 'numeric']);
  const parameters = routine.variadic ? variadic(pen, routine) : routine.parameters;
  const args = parameters.map((parameter, i) => argument(pen, { routine, parameter, index: i, element, depth }));
  return node(type, args, (parts) => render(routine, parts));
}

/**
 * Values that are equal and print differently (1 and 1.0) come in no particular order: Postgres's sort is not stable.
 */
const isUnordered = ({ name }: Routine, type: string): boolean =>
  name === 'array_sort' && (type === 'numeric[]' || type === 'jsonb[]');

/**
 * C's library and JavaScript's may differ in the last digit, which other functions then enlarge: these are called at
 * the top only.
 */
const isApproximate = ({ code }: Routine): boolean =>
  code.startsWith('{numbers/double-functions/') && !/sqrt|pi|widthBucket/.test(code);

/** An approximate function of exact arguments. */
export function approximate(pen: Pen, depth: number): Generated {
  const routine = pen.random.pick(ROUTINES.filter(isApproximate));
  const args = routine.parameters.map((parameter) => expression(pen, parameterText(parameter), depth));
  return node('double precision', args, (parts) => render(routine, parts));
}

function gives(returns: Parameter, type: string): boolean {
  if (returns.kind === 'polymorphic') return type.endsWith('[]') && returns.name.endsWith('array');
  return parameterText(returns) === type;
}

function variadic(pen: Pen, { parameters, name }: Routine): readonly Parameter[] {
  const last = parameters.at(-1)!;
  const more = name === 'jsonb_build_object' ? pen.random.below(3) * 2 + 1 : pen.random.below(3);
  return [...parameters, ...Array.from({ length: more }, () => last)];
}

interface Argument {
  readonly routine: Routine;
  readonly parameter: Parameter;
  readonly index: number;
  readonly element: string;
  readonly depth: number;
}

function argument(pen: Pen, { routine, parameter, index, element, depth }: Argument): Generated {
  if (takesPattern(routine.name)) {
    if (index === 0 && pen.random.chance(0.5)) return leaf('text', randomSubject(pen.random));
    if (index === 1 && pen.random.chance(0.6)) return leaf('text', randomPattern(pen.random));
  }
  const pool = ARGUMENTS[routine.name]?.[index];
  const type = concrete(pen, parameter, element);
  if (pool !== undefined && pen.random.chance(routine.name.startsWith('jsonb') ? 0.8 : 1)) {
    const fitting = pool
      .filter((item) => type !== 'integer' || /^-?\d/.test(item))
      .filter((item) => type !== 'text' || item.startsWith("'"));
    if (fitting.length > 0) return leaf(type, pen.random.pick(fitting));
  }
  if (routine.name === 'jsonb_build_object' && index % 2 === 0)
    return leaf('text', pen.random.pick(["'k'", "'a'", "'é'"]));
  return expression(pen, type, depth - 1);
}

function concrete(pen: Pen, parameter: Parameter, element: string): string {
  if (parameter.kind !== 'polymorphic') return parameterText(parameter);
  if (parameter.name.endsWith('array') && parameter.name !== 'anynonarray') return `${element}[]`;
  if (parameter.name === 'anycompatible') return element;
  return pen.random.pick([
    'text',
    'integer',
    'numeric',
    'boolean',
    'timestamp',
    'jsonb',
    'double precision',
    'date',
    'timestamptz',
    'bigint',
  ]);
}

const WORDS: Record<string, string> = { '~~': 'LIKE', '!~~': 'NOT LIKE', '~~*': 'ILIKE', '!~~*': 'NOT ILIKE' };

function render({ name }: Routine, parts: readonly string[]): string {
  const [a = '', b = ''] = parts;
  if (name === 'extract') return `extract(${a.slice(1, -1)} FROM ${b})`;
  if (name === 'position') return `position(${b} IN ${a})`;
  if (/^[a-z]/.test(name)) return `${name}(${parts.join(', ')})`;
  return parts.length === 1 ? `(${name} ${a})` : `(${a} ${WORDS[name] ?? name} ${b})`;
}

function special(pen: Pen, type: string, depth: number): Generated {
  const same = (): Generated => expression(pen, type, depth - 1);
  const truth = (): Generated => expression(pen, 'boolean', depth - 1);
  const choices: (() => Generated)[] = [
    () => node(type, [truth(), same(), same()], ([a, b, c]) => `CASE WHEN ${a} THEN ${b} ELSE ${c} END`),
    () => node(type, [truth(), same()], ([a, b]) => `CASE WHEN ${a} THEN ${b} END`),
    () => {
      const switched = pen.random.pick(['integer', 'text', 'numeric', 'date']);
      const some = (): Generated => expression(pen, switched, depth - 1);
      return node(
        type,
        [some(), some(), same(), some(), same(), same()],
        ([a, b, c, d, e, f]) => `CASE ${a} WHEN ${b} THEN ${c} WHEN ${d} THEN ${e} ELSE ${f} END`,
      );
    },
    () => node(type, [same(), same()], ([a, b]) => `coalesce(${a}, ${b})`),
    () => node(type, [same(), same()], ([a, b]) => `nullif(${a}, ${b})`),
    () => node(type, [same(), same(), same()], ([a, b, c]) => `greatest(${a}, ${b}, ${c})`),
    () => node(type, [same(), same()], ([a, b]) => `least(${a}, ${b})`),
  ];
  if (type === 'boolean') choices.push(...conditions(pen, depth), ...conditions(pen, depth));
  if (type.endsWith('[]')) choices.push(...arrays(pen, type, depth));
  else if (POOLS[`${type}[]`] !== undefined)
    choices.push(() => node(type, [expression(pen, `${type}[]`, depth - 1)], ([a]) => `(${a})[2]`));
  choices.push(...castsTo(pen, type, depth));
  return pen.random.pick(choices)();
}

const CASTS: Record<string, readonly string[]> = {
  boolean: ['integer', 'jsonb', 'text'],
  integer: ['bigint', 'double precision', 'numeric', 'boolean', 'jsonb', 'text'],
  bigint: ['integer', 'double precision', 'numeric', 'jsonb', 'text'],
  'double precision': ['integer', 'bigint', 'numeric', 'jsonb', 'text'],
  numeric: ['integer', 'bigint', 'double precision', 'jsonb', 'text'],
  text: TYPES,
  date: ['timestamp', 'timestamptz'],
  timestamp: ['date', 'timestamptz'],
  timestamptz: ['date', 'timestamp'],
  'numeric[]': ['integer[]'],
  'integer[]': ['numeric[]'],
  'text[]': ['integer[]', 'boolean[]', 'jsonb[]', 'timestamptz[]'],
};

function castsTo(pen: Pen, type: string, depth: number): (() => Generated)[] {
  const sources = CASTS[type] ?? [];
  const casts =
    sources.length === 0
      ? []
      : [() => node(type, [expression(pen, pen.random.pick(sources), depth - 1)], ([a]) => `(${a})::${type}`)];
  if (type !== 'numeric') return casts;
  return [...casts, () => node(type, [expression(pen, 'numeric', depth - 1)], ([a]) => `(${a})::numeric(10,2)`)];
}

function conditions(pen: Pen, depth: number): (() => Generated)[] {
  const other = pen.random.pick(TYPES);
  const some = (type = other): Generated => expression(pen, type, depth - 1);
  const test = pen.random.pick(['IS NULL', 'IS NOT NULL']);
  const truth = pen.random.pick(['IS TRUE', 'IS NOT TRUE', 'IS FALSE', 'IS NOT FALSE', 'IS UNKNOWN', 'IS NOT UNKNOWN']);
  const logic = pen.random.pick(['AND', 'OR']);
  const quantifier = pen.random.pick(['ANY', 'ALL']);
  const operator = pen.random.pick(['=', '<>', '<', '>=']);
  const listed = pen.random.pick(['integer', 'text', 'numeric']);
  return [
    () => ({
      ...node('boolean', [some('boolean'), some('boolean')], ([a, b]) => `(${a} ${logic} ${b})`),
      ...(logic === 'AND' ? { conjuncts: (parts: readonly Generated[]) => parts } : {}),
    }),
    () => node('boolean', [some('boolean')], ([a]) => `(NOT ${a})`),
    () => node('boolean', [some()], ([a]) => `(${a} ${test})`),
    () => node('boolean', [some('boolean')], ([a]) => `(${a} ${truth})`),
    () => ({
      ...node('boolean', [some(), some(), some()], ([a, b, c]) => `(${a} BETWEEN ${b} AND ${c})`),
      conjuncts: ([value, low, high]) => [
        node('boolean', [value!, low!], ([a, b]) => `(${a} >= ${b})`),
        node('boolean', [value!, high!], ([a, b]) => `(${a} <= ${b})`),
      ],
    }),
    () => node('boolean', [some(), some(), some()], ([a, b, c]) => `(${a} NOT BETWEEN SYMMETRIC ${b} AND ${c})`),
    () => node('boolean', [some('text'), some('text')], ([a, b]) => `(${a} LIKE ${b} ESCAPE 'a')`),
    () =>
      node(
        'boolean',
        [some(), some(), some()],
        ([a, b, c]) => `(${a} ${operator === '=' ? 'IN' : 'NOT IN'} (${b}, ${c}))`,
      ),
    () =>
      node('boolean', [some(), some()], ([a, b]) => `(${a} IS ${operator === '=' ? '' : 'NOT '}DISTINCT FROM ${b})`),
    () => node('boolean', [some(), some()], ([a, b]) => `(${a} ${operator} ${b})`),
    () => node('boolean', [some(listed), some(`${listed}[]`)], ([a, b]) => `(${a} ${operator} ${quantifier}(${b}))`),
  ];
}

function arrays(pen: Pen, type: string, depth: number): (() => Generated)[] {
  const element = type.slice(0, -2);
  const item = (): Generated => expression(pen, element, depth - 1);
  return [
    () => node(type, [item(), item()], ([a, b]) => `ARRAY[${a}, ${b}]`),
    () => node(type, [expression(pen, type, depth - 1)], ([a]) => `(${a})[2:3]`),
  ];
}
