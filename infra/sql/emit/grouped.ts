import { factsOf } from '../catalog/type-facts.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import type { AggregateCall, Grouping, GroupKey, SortKey } from '../plan/grouping.ts';
import { inputsOf } from '../plan/grouping.ts';
import type { Plan } from '../plan/plan.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { accumulatorCode, firstRowCode, sortingCode } from './accumulators.ts';
import { typescriptOf } from './calls.ts';
import { directReads } from './direct-reads.ts';
import { emit } from './expression.ts';
import type { ModuleCode } from './module-code.ts';
import { cast, expand } from './module-code.ts';
import { outputCode } from './outputs.ts';
import { at, inputCode, perRowCode } from './statement.ts';
import { timeCode, windowCode } from './windows.ts';

/** Returns the code of the object that keeps groups: `GroupedStatement` in functions/runtime/sql/aggregates. */
export function groupedCode(module: ModuleCode, plan: Plan): string {
  const { sortKeys } = groupingOf(plan);
  const value = (expression: Checked): string => emit(module, expression);
  const sorted = sortKeys.map(
    ({ expression }, i) => `${at(plan, expression)} const sort${i + 1} = ${value(expression)};`,
  );
  const columns = sortKeys.flatMap(({ expression }) => columnsOf(expression));
  return [
    keptCode(module, plan),
    ...addToCode(module, plan, accumulatorsOf(module, plan)),
    'sortValues: (key, results, row) => {',
    ...readsOf(module, plan, columns),
    ...sorted,
    `return [${sortKeys.map((_, i) => `sort${i + 1}`).join(', ')}];`,
    '},',
    `sorting: ${sortingCode(module, sortKeys.map(indexed))},`,
    `keyTexts: (key) => [${keyColumnsOf(groupingOf(plan))
      .map((column, i) => textCode(module, column, i))
      .join(', ')}],`,
  ].join('\n');
}

function groupingOf({ grouping }: Plan): Grouping {
  if (grouping === undefined) throw new Error('a plan without its grouping');
  return grouping;
}

/** Returns the code of what a table keeps: `UnsortedStatement`. */
export function keptCode(module: ModuleCode, plan: Plan): string {
  const grouping = groupingOf(plan);
  const { having } = grouping;
  const value = (expression: Checked): string => emit(module, expression);
  const havingLines =
    having === undefined ? ['return true;'] : [at(plan, having), `return (${value(having)}) === true;`];
  const accumulators = accumulatorsOf(module, plan);
  const { lines, read } = outputCode(module, plan, new Map());
  return [
    ...inputCode(module, plan),
    ...collectCode(module, plan),
    `accumulators: [${accumulators.join(', ')}],`,
    `stateTexts: [${stateTypesOf(grouping)
      .map((types) => columnTextsCode(module, types))
      .join(', ')}],`,
    ...addCode(module, plan, accumulators),
    ...windowCode(module, plan, accumulators),
    'having: (key, results, row) => {',
    ...(having === undefined ? [] : readsOf(module, plan, columnsOf(having))),
    ...havingLines,
    '},',
    'write: ({ key, results }, row, { writer }) => {',
    ...readsOf(module, plan, read),
    ...lines,
    '},',
  ].join('\n');
}

/** Returns the names of the accumulators: one for each aggregate, and one for the row of DISTINCT ON. */
function accumulatorsOf(module: ModuleCode, plan: Plan): readonly string[] {
  const { aggregates, first } = groupingOf(plan);
  return [
    ...aggregates.map((call) => accumulatorCode(module, call)),
    ...(first === undefined ? [] : [firstRowCode(module, first)]),
  ];
}

const indexed = (key: SortKey, index: number): SortKey & { readonly index: number } => ({ ...key, index });

/** Returns the columns of a group's key: the bounds of its window are the last two. */
export const keyColumnsOf = ({ keys, window }: Grouping): readonly ScopeColumn[] => [
  ...keys.map(({ column }) => column),
  ...(window === undefined ? [] : [window.start, window.end]),
];

/** Returns the declarations of those columns of a group that are read. */
function readsOf(module: ModuleCode, plan: Plan, read: readonly ScopeColumn[]): readonly string[] {
  const grouping = groupingOf(plan);
  const { aggregates, first } = grouping;
  const declare = (list: readonly ScopeColumn[], from: string): readonly string[] =>
    list.flatMap((column, i) =>
      read.includes(column)
        ? [`const ${column.variable} = ${cast(module, `${from}[${i}]`, typeOf(module, column))};`]
        : [],
    );
  const columns = (list: readonly { readonly column: ScopeColumn }[]) => list.map(({ column }) => column);
  const row = cast(module, `results[${aggregates.length}]`, 'readonly unknown[]');
  return [
    ...declare(keyColumnsOf(grouping), 'key'),
    ...declare(columns(aggregates), 'results'),
    ...declare(columns(first?.values ?? []), module.typed ? `(${row})` : row),
  ];
}

const typeOf = (module: ModuleCode, { type, nullable }: ScopeColumn): string =>
  `${typescriptOf(module, type)}${nullable ? ' | null' : ''}`;

function textCode(module: ModuleCode, { type }: ScopeColumn, index: number): string {
  const text = `${expand(module, factsOf(type).output)}(key[${index}])`;
  return `key[${index}] === null ? null : ${text}`;
}

/** The code that evaluates the key and the inputs of the aggregates. */
interface Collecting {
  readonly lines: readonly string[];
  /** The columns that the lines decode. */
  readonly read: readonly ScopeColumn[];
  readonly identity: string;
  readonly keys: readonly string[];
  readonly inputs: readonly string[];
}

/** A false FILTER leaves its inputs out. */
function collectingOf(module: ModuleCode, plan: Plan): Collecting {
  const grouping = groupingOf(plan);
  const { keys, aggregates, window } = grouping;
  const direct = directReads(module, plan);
  const timeLines =
    window === undefined ? [] : [`${at(plan, window.time)} const windowTime$ = ${timeCode(module, window, direct)};`];
  const keyLines = keys.map(
    ({ column, expression }) => `${at(plan, expression)} const ${column.variable} = ${emit(module, expression)};`,
  );
  const inputLines = aggregates.flatMap((call, i) => {
    const { filter } = call;
    const values = valuesOf(call).map((expression, j) => {
      const code = direct.get(expression) ?? emit(module, expression);
      const guarded = filter === undefined ? code : `filter${i + 1} ? ${code} : null`;
      return `${at(plan, expression)} const input${i + 1}_${j + 1} = ${guarded};`;
    });
    if (filter === undefined) return values;
    return [`${at(plan, filter)} const filter${i + 1} = (${emit(module, filter)}) === true;`, ...values];
  });
  const firstLines = (grouping.first?.values ?? []).map(
    ({ column, expression }) => `${at(plan, expression)} const ${column.variable} = ${emit(module, expression)};`,
  );
  return {
    lines: [...timeLines, ...keyLines, ...inputLines, ...firstLines],
    read: inputsOf(grouping).flatMap((expression) => (direct.has(expression) ? [] : columnsOf(expression))),
    identity: identityCode(module, keys),
    keys: keys.map(({ column }) => column.variable),
    inputs: [
      ...slotsOf(aggregates).flatMap(({ names }) => names),
      ...(grouping.first?.values ?? []).map(({ column }) => column.variable),
      ...(window === undefined ? [] : ['windowTime$']),
    ],
  };
}

/** Returns the code that collects the rows of an event. */
function collectCode(module: ModuleCode, plan: Plan): readonly string[] {
  const { lines, read, identity, keys, inputs } = collectingOf(module, plan);
  const take = `take(${identity}, [${keys.join(', ')}], [${inputs.join(', ')}]);`;
  return ['collect: (row, event, take) => {', ...perRowCode(module, plan, { read, lines: [...lines, take] }), '},'];
}

/**
 * Returns the code that adds the row of an event to states in memory. It makes no list of the inputs: a million of them
 * take as long as the sums.
 */
function addToCode(module: ModuleCode, plan: Plan, accumulators: readonly string[]): readonly string[] {
  if (plan.unnests.length > 0) return [];
  const { lines, read, identity, keys, inputs } = collectingOf(module, plan);
  const states = accumulators.map((_, i) => `states[${i}] = state${i + 1};`);
  const time = groupingOf(plan).window === undefined ? '0' : 'windowTime$';
  const added = [
    ...lines,
    `const states = find(${identity}, ${time});`,
    'if (states === undefined) {',
    `take(${identity}, [${keys.join(', ')}], [${inputs.join(', ')}]);`,
    'return;',
    '}',
    ...stateLines(module, plan, { accumulators, inputs }),
    ...states,
  ];
  return ['addTo: ({ find, take }, row, event) => {', ...perRowCode(module, plan, { read, lines: added }), '},'];
}

const valuesOf = ({ args, sortKeys, isDistinct }: AggregateCall): readonly Checked[] => [
  ...args,
  ...(isDistinct ? [] : sortKeys.map(({ expression }) => expression)),
];

function identityCode(module: ModuleCode, keys: readonly GroupKey[]): string {
  const [only] = keys;
  if (only === undefined) return "''";
  const identities = keys.map(({ column: { type, variable, nullable } }) => {
    const { identity, plain } = factsOf(type);
    if (plain) return variable;
    const code = `${expand(module, identity)}(${variable})`;
    return nullable ? `${variable} === null ? null : ${code}` : code;
  });
  return keys.length === 1
    ? (identities[0] ?? '')
    : `${expand(module, '{aggregates/identity/joinedIdentity}')}([${identities.join(', ')}])`;
}

/** Returns the types of the columns that hold the state of each aggregate, and of the row of DISTINCT ON. */
export const stateTypesOf = ({ aggregates, first }: Grouping): readonly (readonly SqlType[])[] => [
  ...aggregates.map(({ state }) => state),
  ...(first === undefined ? [] : [first.values.map(({ expression }) => expression.type)]),
];

/** Returns the code of the functions that make texts of some columns, and values of those texts. */
export function columnTextsCode(module: ModuleCode, types: readonly SqlType[]): string {
  const columns = types.map((type) => {
    const { toText, fromText } = factsOf(type);
    return `[${expand(module, toText)}, ${expand(module, fromText)}]`;
  });
  return `[${columns.join(', ')}]`;
}

interface Slots {
  readonly call: AggregateCall;
  readonly names: readonly string[];
  /** The index of its first input: that of its FILTER if it has one. */
  readonly first: number;
}

/** Returns where the inputs of each aggregate are. */
function slotsOf(aggregates: readonly AggregateCall[]): readonly Slots[] {
  let first = 0;
  return aggregates.map((call, i) => {
    const names = [
      ...(call.filter === undefined ? [] : [`filter${i + 1}`]),
      ...valuesOf(call).map((_, j) => `input${i + 1}_${j + 1}`),
    ];
    const slots = { call, names, first };
    first += names.length;
    return slots;
  });
}

/** Returns the code that makes the next states. */
function addCode(module: ModuleCode, plan: Plan, accumulators: readonly string[]): readonly string[] {
  const { aggregates, first } = groupingOf(plan);
  const count = slotsOf(aggregates).reduce((sum, { names }) => sum + names.length, 0) + (first?.values.length ?? 0);
  const inputs = Array.from({ length: count }, (_, i) => `inputs[${i}]`);
  return [
    'add: (states, inputs, row) => {',
    ...stateLines(module, plan, { accumulators, inputs }),
    `return [${accumulators.map((_, i) => `state${i + 1}`).join(', ')}];`,
    '},',
  ];
}

interface Adding {
  readonly accumulators: readonly string[];
  /** The code of each input. */
  readonly inputs: readonly string[];
}

/** Returns the declarations of the next states. Aggregates that skip nulls keep their state for them. */
function stateLines(module: ModuleCode, plan: Plan, { accumulators, inputs }: Adding): readonly string[] {
  const { aggregates, first: row } = groupingOf(plan);
  const slots = slotsOf(aggregates);
  const input = (index: number): string => any(module, inputs[index] ?? '');
  const lines = slots.map(({ call, first }, i) => {
    const { args, filter, resolved } = call;
    const start = filter === undefined ? first : first + 1;
    const given = valuesOf(call).map((_, j) => start + j);
    const skipped = [
      ...(filter === undefined ? [] : [`!${inputs[first]}`]),
      ...args.flatMap((arg, j) =>
        resolved.routine.strict && arg.nullable ? [`${inputs[given[j] ?? -1]} === null`] : [],
      ),
    ];
    const next = `${accumulators[i]}.add(${[any(module, `states[${i}]`), ...given.map(input)].join(', ')})`;
    const state = skipped.length === 0 ? next : `${skipped.join(' || ')} ? states[${i}] : ${next}`;
    return `${at(plan, call)} const state${i + 1} = ${state};`;
  });
  if (row !== undefined) {
    const from = slots.reduce((count, { names }) => count + names.length, 0);
    const given = row.values.map((_, j) => input(from + j));
    const before = any(module, `states[${slots.length}]`);
    lines.push(`const state${slots.length + 1} = ${accumulators[slots.length]}.add(${[before, ...given].join(', ')});`);
  }
  return lines;
}

/** In a typed module, the values of a group are unknown: only what is written here knows their types. */
const any = (module: ModuleCode, code: string): string => cast(module, code, 'never');
