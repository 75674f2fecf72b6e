import type { Node, SelectStmt } from 'libpg-query';
import type { Checked } from '../plan/checked.ts';
import { isSameExpression, withChildren } from '../plan/checked.ts';
import type { Grouping, SortKey } from '../plan/grouping.ts';
import type { OutputColumn, Plan } from '../plan/plan.ts';
import { category, scalar, typeName } from '../plan/sql-type.ts';
import type { ParsedStatement } from '../syntax/parse.ts';
import { offsetOfKeyword } from '../syntax/source-position.ts';
import { forbidAggregates, startAggregates } from './aggregates.ts';
import type { CheckContext } from './context.ts';
import { convert, mistake, requireBoolean, withoutUnknown } from './context.ts';
import { checkExpression } from './expression.ts';
import { foldConstants } from './fold.ts';
import { isAggregate } from './functions.ts';
import type { Key } from './group-keys.ts';
import { checkKeys, namedOutput, positionOf } from './group-keys.ts';
import { checkOutputs } from './outputs.ts';
import { sortOrder } from './sort-order.ts';
import { checkWindow } from './window.ts';

type Scope = Omit<CheckContext, 'check' | 'aggregate'>;

/** Tests whether a SELECT makes outputs of groups: it has GROUP BY, HAVING or an aggregate. */
export const isGrouped = ({ groupClause, havingClause, targetList, sortClause }: SelectStmt): boolean =>
  (groupClause?.length ?? 0) > 0 || havingClause !== undefined || hasAggregate([targetList, sortClause]);

function hasAggregate(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if ('FuncCall' in node && isAggregate((node as Extract<Node, { FuncCall: unknown }>).FuncCall)) return true;
  return Object.values(node).some(hasAggregate);
}

/** Checks the outputs and the grouping of a statement that `isGrouped`. */
export function checkGrouped(
  inputs: Scope,
  parsed: ParsedStatement,
  ofFiles: boolean,
): Pick<Plan, 'outputs' | 'grouping'> {
  const { select } = parsed;
  const window = checkWindow(inputs, parsed, ofFiles);
  const aggregates = startAggregates((select.groupClause ?? []).length === 0);
  const columns = window === undefined ? inputs.columns : [window.start, window.end, ...inputs.columns];
  const scope = { ...inputs, columns, aggregate: aggregates.check };
  const context: CheckContext = {
    ...scope,
    check: (node) => withoutUnknown(context, checkExpression(scope, node)),
  };
  const outputs = checkOutputs(context, select.targetList ?? []);
  const keys = checkKeys(context, select.groupClause ?? [], outputs);
  const ofGroup = (expression: Checked): Checked => foldConstants(inputs.source, overKeys(context, keys, expression));
  const { havingClause } = select;
  const having =
    havingClause === undefined
      ? undefined
      : ofGroup(requireBoolean(context, checkExpression(scope, havingClause), 'HAVING'));
  const grouped = outputs.map(({ name, expression }) => ({ name, expression: ofGroup(expression) }));
  const sortKeys = checkSorting(context, select.sortClause ?? [], outputs).map((key) => ({
    ...key,
    expression: ofGroup(key.expression),
  }));
  const grouping: Grouping = {
    keys: keys.map(({ column, expression }) => ({ column, expression: foldConstants(inputs.source, expression) })),
    aggregates: aggregates.calls,
    having,
    sortKeys,
    limit: checkLimit(context, select.limitCount, 'LIMIT'),
    offset: checkLimit(context, select.limitOffset, 'OFFSET') ?? 0n,
    ...(window === undefined ? {} : { window }),
  };
  return { outputs: grouped, grouping };
}

/** Throws for what sets the key and the time of events, in a statement that groups or joins two tables. */
export function rejectStreamClauses(
  context: Pick<CheckContext, 'source'>,
  parsed: ParsedStatement,
  { ofFiles, grouped }: { readonly ofFiles: boolean; readonly grouped: boolean },
): void {
  const { select, target, partitionBy, timestampBy, window } = parsed;
  const hasTime = timestampBy !== undefined && !(ofFiles && window !== undefined);
  const written =
    target?.kind === 'stream'
      ? 'CREATE STREAM'
      : partitionBy !== undefined
        ? 'PARTITION BY'
        : hasTime
          ? 'TIMESTAMP BY'
          : undefined;
  const ties = select.limitOption === 'LIMIT_OPTION_WITH_TIES';
  if (written !== undefined)
    throw mistake(context, 'unsupported', {
      offset:
        target?.kind === 'stream'
          ? target.offset
          : offsetOfKeyword(context.source, /\b(?:partition|timestamp)\s+by\b/i),
      problem: grouped
        ? `${written} is not supported with GROUP BY, aggregates and DISTINCT ON: they make the rows of a table`
        : `${written} is not supported in a join of two tables, which makes the rows of a table`,
      hint:
        target?.kind === 'stream'
          ? 'write CREATE TABLE <name> AS SELECT …'
          : `leave it out: a row has the key that ${grouped ? 'GROUP BY or DISTINCT ON' : 'ON'} gives it`,
    });
  if (ties)
    throw mistake(context, 'unsupported', {
      offset: offsetOfKeyword(context.source, /\bwith\s+ties\b/i),
      problem: 'WITH TIES is not supported',
    });
}

/** Replaces the keys in an expression by their columns. Every other column of the input is a mistake. */
function overKeys(context: CheckContext, keys: readonly Key[], expression: Checked): Checked {
  const key = keys.find((known) => isSameExpression(known.expression, expression));
  const { type, nullable, offset } = expression;
  if (key !== undefined) return { kind: 'column', column: key.column, type, nullable, offset };
  if (expression.kind !== 'column' || expression.column.origin === 'group')
    return withChildren(expression, (part) => overKeys(context, keys, part));
  const { table, name } = expression.column;
  throw mistake(context, 'invalid', {
    offset,
    problem: `column "${table}.${name}" must appear in the GROUP BY clause or be used in an aggregate function`,
    hint: `write GROUP BY … ${name}, or an aggregate such as max(${name})`,
  });
}

export function checkSorting(
  context: CheckContext,
  items: readonly Node[],
  outputs: readonly OutputColumn[],
): readonly SortKey[] {
  return items.flatMap((item) => {
    if (!('SortBy' in item) || item.SortBy.node === undefined) return [];
    const { node } = item.SortBy;
    const expression =
      positionOf(context, { node, clause: 'ORDER BY', outputs }) ??
      namedOutput(node, outputs)?.expression ??
      context.check(node);
    return [sortOrder(context, item.SortBy, expression)];
  });
}

export function checkLimit(
  context: CheckContext,
  node: Node | undefined,
  clause: 'LIMIT' | 'OFFSET',
): bigint | undefined {
  if (node === undefined) return undefined;
  const scope = {
    ...context,
    columns: [],
    aggregate: forbidAggregates(`aggregate functions are not allowed in ${clause}`),
  };
  if (hasColumn(node))
    throw mistake(context, 'invalid', {
      offset: offsetOfKeyword(context.source, new RegExp(`\\b${clause}\\b`, 'i')),
      problem: `argument of ${clause} must not contain variables`,
    });
  const count = checkExpression(scope, node);
  const isNumber = category(count.type) === 'number' || typeName(count.type) === 'unknown';
  const whole = isNumber ? convert(context, count, { to: scalar('bigint'), as: 'explicit' }) : undefined;
  const folded = whole === undefined ? undefined : foldConstants(context.source, whole);
  if (folded?.kind !== 'constant')
    throw mistake(context, 'invalid', {
      offset: count.offset,
      problem: `argument of ${clause} must be type bigint, not type ${typeName(count.type)}`,
    });
  const value = folded.text === null ? undefined : BigInt(folded.text);
  if (value !== undefined && value < 0n)
    throw mistake(context, 'invalid', { offset: count.offset, problem: `${clause} must not be negative` });
  return value;
}

const hasColumn = (node: unknown): boolean =>
  typeof node === 'object' && node !== null && ('ColumnRef' in node || Object.values(node).some(hasColumn));
