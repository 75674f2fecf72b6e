import { createHash } from 'node:crypto';
import type { Checked, ScopeColumn } from './checked.ts';
import { children } from './checked.ts';
import type { AggregateCall, Grouping, SortKey } from './grouping.ts';
import type { Plan } from './plan.ts';
import type { Resolved } from './routine.ts';
import { signatureText } from './routine.ts';
import { typeName } from './sql-type.ts';

/**
 * Says what the states of a table are made of, for people and, as a hash, in full: its key, its aggregates, and what
 * chooses their rows. Two statements with the same text continue each other's states; HAVING and the expressions over
 * the aggregates do not matter. The text is stored beside a table, so the same statement gives the same text for ever:
 * nothing that it is made of is code of ours.
 */
export function stateShape(plan: Plan): string {
  const { grouping } = plan;
  if (grouping === undefined) throw new Error('a plan without its grouping');
  const { keys, aggregates, first, window } = grouping;
  const text = textsOf(plan);
  const parts = [
    `unnest ${plan.unnests.map(({ list }) => text(list)).join(', ')}`,
    `where ${plan.where === undefined ? '' : text(plan.where)}`,
    `keys ${keys.map(({ expression }) => text(expression)).join(', ')}`,
    ...(window === undefined ? [] : [`window ${window.kind} ${window.size} ${window.advance}`]),
    ...aggregates.map((call) => callText(call, text)),
    ...(first === undefined ? [] : [`first ${first.values.map(({ expression }) => text(expression)).join(', ')}`]),
    ...(first === undefined ? [] : [`order ${first.sortKeys.map((key) => orderText(key, text)).join(', ')}`]),
  ];
  return `${namesOf(grouping)} (${hashOf(parts.join('\n'))})`;
}

/**
 * Stands for how the rows of a table are made of its states: HAVING, and what the columns show. As the shape, it is
 * stored, and nothing that it is made of is code of ours.
 */
export function shownShape(plan: Plan): string {
  const text = textsOf(plan);
  const { having } = plan.grouping ?? {};
  const parts = [
    `having ${having === undefined ? '' : text(having)}`,
    ...plan.outputs.map(({ name, expression }) => `${JSON.stringify(name)} ${text(expression)}`),
  ];
  return hashOf(parts.join('\n'));
}

/** Returns what stands for a text in a shape. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

const namesOf = ({ aggregates, first }: Grouping): string =>
  first === undefined
    ? aggregates.map(({ resolved }) => signatureOf(resolved)).join(', ') || 'the key'
    : 'the first row in an order';

const signatureOf = ({ routine, parameters }: Resolved): string => signatureText(routine.name, parameters);

type Text = (expression: Checked) => string;

function callText({ resolved, args, filter, isDistinct, sortKeys, state }: AggregateCall, text: Text): string {
  return [
    signatureOf(resolved),
    isDistinct ? 'distinct' : '',
    args.map(text).join(', '),
    `filter ${filter === undefined ? '' : text(filter)}`,
    `order ${sortKeys.map((key) => orderText(key, text)).join(', ')}`,
    `state ${state.map(typeName).join(', ')}`,
  ].join(' ');
}

const orderText = ({ expression, isDescending, nullsFirst }: SortKey, text: Text): string =>
  `${text(expression)} ${isDescending ? 'desc' : 'asc'} ${nullsFirst ? 'nulls first' : 'nulls last'}`;

/**
 * Returns a function that writes an expression over the columns of a plan's input: the same text for ever, for what is
 * stored.
 */
export function textsOf(plan: Plan): Text {
  const ofGroup = groupColumns(plan);
  const columnText = ({ origin, name, variable, field }: ScopeColumn): string => {
    if (origin === 'group') return `group ${ofGroup.indexOf(variable)}`;
    const of = plan.unnests.findIndex((unnest) => unnest.columns.some((column) => column.variable === variable));
    return origin === 'unnest' ? `unnest ${of} ${field ?? ''}` : `${origin} ${JSON.stringify(name)}`;
  };
  const text = (expression: Checked): string => {
    const parts = children(expression).map(text).join(', ');
    return `${detailOf(expression, columnText)}(${parts}):${typeName(expression.type)}`;
  };
  return text;
}

/** Lists the variables of a group's columns in the order in which its shape has them: their names may change. */
function groupColumns({ grouping }: Plan): readonly string[] {
  if (grouping === undefined) return [];
  const { keys, aggregates, first, window } = grouping;
  const columns = [...keys, ...aggregates, ...(first?.values ?? [])].map(({ column }) => column);
  return [...columns, ...(window === undefined ? [] : [window.start, window.end])].map(({ variable }) => variable);
}

function detailOf(expression: Checked, columnText: (column: ScopeColumn) => string): string {
  switch (expression.kind) {
    case 'constant':
      return expression.text === null ? 'null' : JSON.stringify(expression.text);
    case 'column':
      return columnText(expression.column);
    case 'call':
      return signatureOf(expression.resolved);
    case 'cast':
      // Of its code, only the numbers: the precision of numeric(10, 2).
      return `cast ${(expression.code.replace(/\{[^}]*\}|\$\d+/g, '').match(/\d+/g) ?? []).join(' ')}`;
    case 'logic':
      return expression.operator;
    case 'test':
      return `is ${expression.test}`;
    case 'case':
      return `case ${expression.branches.length}`;
    case 'distinct':
      return `distinct ${expression.negated} ${signatureOf(expression.equal)}`;
    case 'nullif':
      return `nullif ${signatureOf(expression.equal)}`;
    case 'extreme':
      return expression.sign === 1 ? 'greatest' : 'least';
    case 'quantified':
      return `${expression.every ? 'all' : 'any'} ${signatureOf(expression.test)}`;
    case 'slice':
      return `slice ${expression.from !== undefined} ${expression.to !== undefined}`;
    case 'field':
      return `field ${JSON.stringify(expression.field)}`;
    default:
      return expression.kind;
  }
}
