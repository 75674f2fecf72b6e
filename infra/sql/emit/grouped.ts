import { factsOf } from '../catalog/type-facts.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import type { AggregateCall, Grouping, GroupKey, SortKey } from '../plan/grouping.ts';
import { inputsOf } from '../plan/grouping.ts';
import type { Plan } from '../plan/plan.ts';
import { accumulatorCode, sortingCode } from './accumulators.ts';
import { emit } from './expression.ts';
import type { ModuleCode } from './module-code.ts';
import { expand } from './module-code.ts';
import { outputCode } from './outputs.ts';
import { at, inputCode, perRowCode } from './statement.ts';

/** Returns the code of the object that keeps groups: `GroupedStatement` in functions/runtime/sql/aggregates. */
export function groupedCode(module: ModuleCode, plan: Plan): string {
  const { grouping } = plan;
  if (grouping === undefined) throw new Error('a plan without its grouping');
  const { keys, aggregates, having, sortKeys } = grouping;
  const body = (expressions: readonly Checked[], lines: readonly string[]): readonly string[] => [
    ...readsOf(grouping, expressions.flatMap(columnsOf)),
    ...lines,
  ];
  const value = (expression: Checked): string => emit(module, expression);
  const havingLines =
    having === undefined ? ['return true;'] : [at(plan, having), `return (${value(having)}) === true;`];
  const sorted = sortKeys.map(
    ({ expression }, i) => `${at(plan, expression)} const sort${i + 1} = ${value(expression)};`,
  );
  const accumulators = aggregates.map((call) => accumulatorCode(module, call));
  const { lines, read } = outputCode(module, plan, new Map());
  return [
    ...inputCode(module, plan),
    ...collectCode(module, plan, grouping),
    `accumulators: [${accumulators.join(', ')}],`,
    `stateTexts: [${aggregates.map((call) => stateTextsCode(module, call)).join(', ')}],`,
    ...addCode(plan, aggregates, accumulators),
    'having: (key, results, row) => {',
    ...body(having === undefined ? [] : [having], havingLines),
    '},',
    'sortValues: (key, results, row) => {',
    ...body(
      sortKeys.map(({ expression }) => expression),
      [...sorted, `return [${sortKeys.map((_, i) => `sort${i + 1}`).join(', ')}];`],
    ),
    '},',
    `sorting: ${sortingCode(module, sortKeys.map(indexed))},`,
    'write: ({ key, results }, row, { writer }) => {',
    ...readsOf(grouping, read),
    ...lines,
    '},',
    `keyTexts: (key) => [${keys.map((key, i) => textCode(module, key, i)).join(', ')}],`,
  ].join('\n');
}

const indexed = (key: SortKey, index: number): SortKey & { readonly index: number } => ({ ...key, index });

function readsOf({ keys, aggregates }: Grouping, columns: readonly ScopeColumn[]): readonly string[] {
  const read = (list: readonly { readonly column: ScopeColumn }[], from: string): readonly string[] =>
    list.flatMap(({ column }, i) => (columns.includes(column) ? [`const ${column.variable} = ${from}[${i}];`] : []));
  return [...read(keys, 'key'), ...read(aggregates, 'results')];
}

function textCode(module: ModuleCode, { column }: GroupKey, index: number): string {
  const text = `${expand(module, factsOf(column.type).output)}(key[${index}])`;
  return `key[${index}] === null ? null : ${text}`;
}

/** Returns the code that evaluates the key and the inputs of the aggregates. A false FILTER leaves its inputs out. */
function collectCode(module: ModuleCode, plan: Plan, grouping: Grouping): readonly string[] {
  const { keys, aggregates } = grouping;
  const keyLines = keys.map(
    ({ column, expression }) => `${at(plan, expression)} const ${column.variable} = ${emit(module, expression)};`,
  );
  const inputLines = aggregates.flatMap((call, i) => {
    const { filter } = call;
    const values = valuesOf(call).map((expression, j) => {
      const code = emit(module, expression);
      const guarded = filter === undefined ? code : `filter${i + 1} ? ${code} : null`;
      return `${at(plan, expression)} const input${i + 1}_${j + 1} = ${guarded};`;
    });
    if (filter === undefined) return values;
    return [`${at(plan, filter)} const filter${i + 1} = (${emit(module, filter)}) === true;`, ...values];
  });
  const inputs = slotsOf(aggregates).flatMap(({ names }) => names);
  const names = keys.map(({ column }) => column.variable);
  const lines = [
    ...keyLines,
    ...inputLines,
    `take(${identityCode(module, keys)}, [${names.join(', ')}], [${inputs.join(', ')}]);`,
  ];
  const read = inputsOf(grouping).flatMap(columnsOf);
  return ['collect: (row, event, take) => {', ...perRowCode(module, plan, { read, lines }), '},'];
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

function stateTextsCode(module: ModuleCode, { state }: AggregateCall): string {
  const columns = state.map((type) => {
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

/** Returns the code that makes the next states. Aggregates that skip nulls keep their state for them. */
function addCode(plan: Plan, aggregates: readonly AggregateCall[], accumulators: readonly string[]): readonly string[] {
  const lines = slotsOf(aggregates).map(({ call, first }, i) => {
    const { args, filter, resolved } = call;
    const start = filter === undefined ? first : first + 1;
    const given = valuesOf(call).map((_, j) => `inputs[${start + j}]`);
    const skipped = [
      ...(filter === undefined ? [] : [`!inputs[${first}]`]),
      ...args.flatMap((arg, j) => (resolved.routine.strict && arg.nullable ? [`${given[j]} === null`] : [])),
    ];
    const next = `${accumulators[i]}.add(${[`states[${i}]`, ...given].join(', ')})`;
    const state = skipped.length === 0 ? next : `${skipped.join(' || ')} ? states[${i}] : ${next}`;
    return `${at(plan, call)} const state${i + 1} = ${state};`;
  });
  return [
    'add: (states, inputs, row) => {',
    ...lines,
    `return [${aggregates.map((_, i) => `state${i + 1}`).join(', ')}];`,
    '},',
  ];
}
