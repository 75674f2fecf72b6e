import { joinedKey } from './check/joined-table.ts';
import { keyOf } from './check/table.ts';
import { groupedCode, keptCode } from './emit/grouped.ts';
import { javascriptModule, type ModuleCode } from './emit/module-code.ts';
import { constantLines, indent } from './emit/module-text.ts';
import { dataColumnsOf, statementCode } from './emit/statement.ts';
import {
  type Explained,
  filterAfterJoin,
  joinCode,
  joinCosts,
  joinGuarantees,
  joinLines,
  joinReads,
  STREAM_PRICE,
} from './explain-join.ts';
import { stateLines, tableCostOf } from './explain-state.ts';
import { windowCostLines, windowLines } from './explain-window.ts';
import type { Checked } from './plan/checked.ts';
import { children, columnsOf } from './plan/checked.ts';
import type { AggregateCall, Grouping, SortKey } from './plan/grouping.ts';
import { inputsOf } from './plan/grouping.ts';
import type { OutputColumn, Plan } from './plan/plan.ts';
import { signatureText } from './plan/routine.ts';
import { rowPlan } from './plan/split-join.ts';
import { typeName } from './plan/sql-type.ts';
import { positionAt } from './syntax/source-position.ts';

/** Returns the output of `millrace sql explain`: the plan, the columns read and written, cost, guarantees and code. */
export function explain(plan: Plan, { ofFiles }: Explained = { ofFiles: false }): string {
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ['plan', planLines(plan)],
    ['reads', readLines(plan)],
    ['writes', plan.outputs.map(outputLine)],
    ...(plan.table === undefined || plan.grouping === undefined ? [] : [['state', stateLines(plan)] as const]),
    ['cost', [...costLines(plan), ...(plan.join === undefined ? [] : joinCosts(plan, plan.join, { ofFiles }))]],
    [
      'guarantees',
      plan.join === undefined || plan.grouping !== undefined
        ? guaranteeLines(plan)
        : joinGuarantees(plan.join, { ofFiles }),
    ],
    ['code', codeLines(plan)],
  ];
  return sections
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}`.trimEnd()).join('\n')}\n`)
    .join('\n');
}

function codeLines(plan: Plan): readonly string[] {
  const module = javascriptModule();
  return indent([...constantLines(module), bodyOf(module, plan)].join('\n')).split('\n');
}

function bodyOf(module: ModuleCode, plan: Plan): string {
  const { join, grouping, table } = plan;
  if (table !== undefined && grouping !== undefined) return keptCode(module, plan);
  if (grouping !== undefined) return groupedCode(module, join === undefined ? plan : rowPlan(plan, join, 'projected'));
  return join === undefined ? statementCode(module, plan) : joinCode(module, plan, join);
}

function planLines(plan: Plan): readonly string[] {
  const of = (expression: Checked): string => describe(plan, expression);
  const where = plan.join === undefined ? plan.where : filterAfterJoin(plan, plan.join);
  return [
    ...(plan.join === undefined ? [`scan ${plan.from}`] : joinLines(plan, plan.join, of)),
    ...plan.unnests.map(({ list, columns }) => `unnest ${of(list)} as ${columns.map(({ name }) => name).join(', ')}`),
    ...(where === undefined ? [] : [`filter ${of(where)}`]),
    ...(plan.grouping === undefined ? [] : groupLines(plan, plan.grouping)),
    `project ${plan.outputs.map(({ name }) => name).join(', ')}`,
    ...endOf(plan),
    ...(plan.table === undefined ? [] : [`into table ${plan.table}, whose key is ${keyNamesOf(plan).join(', ')}`]),
  ];
}

function endOf(plan: Plan): readonly string[] {
  if (plan.grouping !== undefined) return endLines(plan, plan.grouping);
  return plan.table === undefined ? outputLines(plan) : [];
}

const keyNamesOf = (plan: Plan): readonly string[] =>
  plan.join !== undefined && plan.grouping === undefined ? joinedKey(plan, plan.join) : keyOf(plan);

function outputLines(plan: Plan): readonly string[] {
  const of = (expression: Checked): string => describe(plan, expression);
  return [
    plan.partitionBy === undefined
      ? `key: ${plan.join === undefined ? 'same as the input' : 'what they are joined by'}`
      : `key: ${of(plan.partitionBy)}`,
    plan.timestampBy === undefined ? 'time: same as the input' : `time: ${of(plan.timestampBy)}`,
    `into ${plan.target ?? "the step's stream"}`,
    ...(plan.limit === undefined ? [] : [`stop after ${plan.limit} output${plan.limit === 1 ? '' : 's'}`]),
  ];
}

function groupLines(plan: Plan, { keys, aggregates, first, having, window }: Grouping): readonly string[] {
  const by = keys.map(({ expression }) => describe(plan, expression)).join(', ');
  return [
    keys.length === 0 ? 'group all rows into one' : `group by ${by}`,
    ...(window === undefined ? [] : windowLines(window, describe(plan, window.time))),
    ...aggregates.map((call) => `  ${aggregateText(call)}`),
    ...(first === undefined
      ? []
      : [`  keep the first row by ${first.sortKeys.map((key) => orderText(plan, key)).join(', ')}`]),
    ...(having === undefined ? [] : [`filter groups by ${describe(plan, having)}`]),
  ];
}

const orderText = (plan: Plan, { expression, isDescending }: SortKey): string =>
  `${describe(plan, expression)}${isDescending ? ' descending' : ''}`;

/** Says what an aggregate keeps of each group, and whether a row could be taken out of it again. */
function aggregateText({ resolved, state, isInvertible, isDistinct, filter }: AggregateCall): string {
  const call = signatureText(resolved.routine.name, resolved.parameters);
  const forms = `${isDistinct ? ' DISTINCT' : ''}${filter === undefined ? '' : ' FILTER'}`;
  return `${call}${forms} keeps ${state.map(typeName).join(', ')}${isInvertible ? '; rows can be subtracted' : ''}`;
}

function endLines(plan: Plan, { sortKeys, limit, offset }: Grouping): readonly string[] {
  const by = sortKeys.map(({ expression }) => describe(plan, expression)).join(', ');
  return [
    ...(sortKeys.length === 0 ? [] : [`sort by ${by}`]),
    ...(offset === 0n ? [] : [`skip ${offset} outputs`]),
    ...(limit === undefined ? [] : [`end after ${limit} outputs`]),
  ];
}

function describe(plan: Plan, expression: Checked): string {
  const { line, column } = positionAt(plan.source, expression.offset);
  const names = columnsOf(expression)
    .filter(({ origin }) => origin !== 'group')
    .map(({ name }) => name);
  return `the ${typeName(expression.type)} at ${line}:${column}${names.length === 0 ? '' : ` (of ${names.join(', ')})`}`;
}

function readLines(plan: Plan): readonly string[] {
  if (plan.join !== undefined) return joinReads(plan, plan.join);
  const data = dataColumnsOf(plan);
  const all = plan.columns.filter(({ origin }) => origin === 'data').length;
  return [
    ...data.map(({ name, type, nullable }) => `${name}: ${typeName(type)}${nullable ? '' : ', never null'}`),
    `${data.length} of ${all} columns; the others are skipped`,
  ];
}

const isCopy = ({ expression }: OutputColumn): boolean =>
  expression.kind === 'column' && expression.column.origin === 'data';

function outputLine(output: OutputColumn): string {
  const { name, expression } = output;
  return `${name}: ${typeName(expression.type)}${expression.nullable ? '' : ', never null'}${isCopy(output) ? ', copied byte for byte' : ''}`;
}

/** What a table with windows costs in addition where its stream is somebody else's. */
const COPY_LINE = `where its events come from an existing stream, they are appended to a copy of it and read once more, and a function looks each minute how far the copy is; ${STREAM_PRICE}`;

function costLines(plan: Plan): readonly string[] {
  const computed = plan.outputs.filter((output) => !isCopy(output));
  const inputs = plan.grouping === undefined ? computed.map(({ expression }) => expression) : inputsOf(plan.grouping);
  const expressions = [plan.where, ...inputs, plan.partitionBy, plan.timestampBy];
  const operations = expressions.reduce(
    (sum, expression) => sum + (expression === undefined ? 0 : operationsOf(expression)),
    0,
  );
  return [
    'one pass over the bytes of each event; JSON.parse only for unusual JSON (escaped or repeated keys, deep nesting)',
    ...(plan.grouping === undefined
      ? [
          `${operations} operation${operations === 1 ? '' : 's'} an event at most; ${computed.length} of ${plan.outputs.length} columns are computed, the others copied`,
        ]
      : [`${operations} operation${operations === 1 ? '' : 's'} an event at most, and one for each aggregate`]),
    ...(plan.table === undefined ? [] : tableCostOf(plan)),
    ...(plan.grouping?.window === undefined ? [] : windowCostLines(plan.grouping.window, plan.grouping.aggregates)),
    ...(plan.grouping?.window === undefined || plan.table === undefined ? [] : [COPY_LINE]),
    ...(plan.unnests.length === 0
      ? []
      : ['one output for each element; with several lists, one for each combination of their elements']),
  ];
}

const operationsOf = (expression: Checked): number =>
  (expression.kind === 'column' || expression.kind === 'constant' ? 0 : 1) +
  children(expression).reduce((sum, part) => sum + operationsOf(part), 0);

function guaranteeLines(plan: Plan): readonly string[] {
  if (plan.table !== undefined)
    return [
      'each event counts once: rows, position and marks are committed together',
      'an event is rejected if a column that the statement reads is invalid, or an expression or an aggregate fails on it; its groups stay as they were',
      'a row has one writer, the events with one key of the stream; an event with another key is rejected',
    ];
  if (plan.grouping !== undefined)
    return [
      'an event is rejected if a column that the statement reads is invalid, or an expression or an aggregate fails on it; its group stays as it was',
      'a group is left out, and named, if an expression over its key and its results fails',
    ];
  return [
    'deterministic: the same event gives the same outputs, so the next steps recognise and drop duplicates',
    'an event is rejected if a column that the statement reads is invalid or an expression fails; the reason names the position in the statement. Other events are not affected',
    plan.partitionBy === undefined
      ? 'outputs with the same key keep their order'
      : 'outputs with the same new key keep their order if their input events come from one shard',
  ];
}
