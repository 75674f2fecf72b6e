import { cutText } from '../../../functions/runtime/cut-text.ts';
import type { Checked, ScopeColumn } from './checked.ts';
import type { AggregateCall, SortKey } from './grouping.ts';
import type { Plan } from './plan.ts';
import { typeName } from './sql-type.ts';
import type { Windowing } from './window.ts';

/**
 * Says for people what the states of a table are made of, clause by clause. It is stored beside the states, to name the
 * clause that has changed. Whether one has changed tells `stateShape` alone, which knows the types too.
 */
export function stateParts({ grouping, unnests, where }: Plan): Readonly<Record<string, string>> {
  if (grouping === undefined) throw new Error('a plan without its grouping');
  const { keys, aggregates, first, window } = grouping;
  const parts = {
    unnest: unnests.map(({ list }) => textOf(list)),
    WHERE: where === undefined ? [] : [textOf(where)],
    [first === undefined ? 'GROUP BY' : 'DISTINCT ON']: keys.map(({ expression }) => textOf(expression)),
    WINDOW: window === undefined ? [] : [windowText(window)],
    aggregates: aggregates.map(aggregateText),
    'the row': (first?.values ?? []).map(({ expression }) => textOf(expression)),
    'ORDER BY': (first?.sortKeys ?? []).map(sortKeyText),
  };
  return Object.fromEntries(
    Object.entries(parts).flatMap(([clause, texts]) =>
      texts.length === 0 ? [] : [[clause, cutText(texts.join(', '), LONGEST_CLAUSE)]],
    ),
  );
}

/** The clauses are in the comment of a table, and in what a command prints. */
const LONGEST_CLAUSE = 500;

function windowText({ kind, size, advance }: Windowing): string {
  const seconds = (millis: number): string => `${millis / 1_000} SECONDS`;
  if (kind === 'session') return `SESSION (${seconds(size)})`;
  const step = kind === 'hopping' ? `, ADVANCE BY ${seconds(advance)}` : '';
  return `${kind.toUpperCase()} (SIZE ${seconds(size)}${step})`;
}

function aggregateText({ resolved, args, filter, isDistinct, sortKeys }: AggregateCall): string {
  const { name } = resolved.routine;
  const given = args.length === 0 && name === 'count' ? '*' : args.map(textOf).join(', ');
  const order = sortKeys.length === 0 ? '' : ` ORDER BY ${sortKeys.map(sortKeyText).join(', ')}`;
  const rows = filter === undefined ? '' : ` FILTER (WHERE ${textOf(filter)})`;
  return `${name}(${isDistinct ? 'DISTINCT ' : ''}${given}${order})${rows}`;
}

function sortKeyText({ expression, isDescending, nullsFirst }: SortKey): string {
  const nulls = nullsFirst === isDescending ? '' : ` NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`;
  return `${textOf(expression)}${isDescending ? ' DESC' : ''}${nulls}`;
}

/** Writes an expression nearly as its author has, with every conversion of types. */
function textOf(expression: Checked): string {
  switch (expression.kind) {
    case 'constant':
      return constantText(expression.text, typeName(expression.type));
    case 'column':
      return columnText(expression.column);
    case 'call':
      return callText(expression.resolved.routine.name, expression.args);
    case 'cast':
      return `${inner(expression.arg)}::${typeName(expression.type)}`;
    case 'logic':
      return expression.args.map(inner).join(` ${expression.operator.toUpperCase()} `);
    case 'not':
      return `NOT ${inner(expression.arg)}`;
    case 'test':
      return `${inner(expression.arg)} IS ${expression.test.toUpperCase()}`;
    case 'case': {
      const branches = expression.branches.map(({ when, result }) => `WHEN ${textOf(when)} THEN ${textOf(result)}`);
      return `CASE ${branches.join(' ')} ELSE ${textOf(expression.otherwise)} END`;
    }
    case 'coalesce':
    case 'nullif':
      return `${expression.kind}(${listOf(expression.args)})`;
    case 'extreme':
      return `${expression.sign === 1 ? 'greatest' : 'least'}(${listOf(expression.args)})`;
    case 'distinct':
      return expression.args.map(inner).join(` IS ${expression.negated ? 'NOT ' : ''}DISTINCT FROM `);
    case 'quantified': {
      const { left, right, test, every } = expression;
      return `${inner(left)} ${test.routine.name} ${every ? 'ALL' : 'ANY'} (${textOf(right)})`;
    }
    case 'array':
      return `ARRAY[${listOf(expression.elements)}]`;
    case 'element':
      return `${inner(expression.array)}[${textOf(expression.index)}]`;
    case 'slice': {
      const { array, from, to } = expression;
      return `${inner(array)}[${from === undefined ? '' : textOf(from)}:${to === undefined ? '' : textOf(to)}]`;
    }
    case 'field':
      return `(${textOf(expression.record)}).${expression.field}`;
  }
}

const listOf = (expressions: readonly Checked[]): string => expressions.map(textOf).join(', ');

const columnText = ({ name, field }: ScopeColumn): string => field ?? name;

function constantText(text: string | null, type: string): string {
  if (text === null) return 'NULL';
  const isPlain = ['integer', 'bigint', 'numeric', 'double precision', 'boolean'].includes(type);
  return isPlain ? text : `'${text.replaceAll("'", "''")}'`;
}

function callText(name: string, args: readonly Checked[]): string {
  const [one, other] = args;
  if (/^[a-z_]/i.test(name) || one === undefined) return `${name}(${listOf(args)})`;
  return other === undefined ? `${name}${inner(one)}` : `${inner(one)} ${name} ${inner(other)}`;
}

/** Writes a part of an expression, in brackets where they could matter. */
function inner(expression: Checked): string {
  const text = textOf(expression);
  const isOne = ['constant', 'column', 'coalesce', 'nullif', 'extreme', 'array', 'case'].includes(expression.kind);
  const isCall = expression.kind === 'call' && /^[a-z_]/i.test(expression.resolved.routine.name);
  return isOne || isCall || expression.kind === 'cast' ? text : `(${text})`;
}
