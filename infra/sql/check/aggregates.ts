import type { FuncCall, Node } from 'libpg-query';
import type { Aggregate } from '../catalog/aggregates.ts';
import { AGGREGATE_CANDIDATES, OTHER_AGGREGATES } from '../catalog/aggregates.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { isSameExpression } from '../plan/checked.ts';
import type { AggregateCall, SortKey } from '../plan/grouping.ts';
import type { Resolved } from '../plan/routine.ts';
import { signatureText } from '../plan/routine.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { arrayOf, holdsRecord, isUnknown, JSONB, TEXT, typeNamed } from '../plan/sql-type.ts';
import { nameOf } from '../syntax/parse-nodes.ts';
import type { CheckContext } from './context.ts';
import { mistake, requireBoolean, withoutUnknown } from './context.ts';
import { checkExpression } from './expression.ts';
import { foldConstants } from './fold.ts';
import { call } from './operators.ts';
import { resolve } from './resolve.ts';
import { sortOrder } from './sort-order.ts';

/** Returns what to do with an aggregate in a clause that cannot have one: throw. */
export function forbidAggregates(problem: string, hint?: string): NonNullable<CheckContext['aggregate']> {
  return (context, node) => {
    throw mistake(context, 'invalid', { offset: context.offsetOf(node.location), problem, hint });
  };
}

/** The aggregates of a statement, each once. */
export interface Aggregates {
  readonly calls: readonly AggregateCall[];
  /** Checks a call and returns the column of its result. */
  readonly check: NonNullable<CheckContext['aggregate']>;
}

/** Starts the list of a statement's aggregates. Over one group, which may be empty, only count is never null. */
export function startAggregates(isOneGroup: boolean): Aggregates {
  const calls: AggregateCall[] = [];
  const check: Aggregates['check'] = (context, node) => {
    const checked = checkCall(context, node);
    const type = checked.resolved.returns;
    const offset = context.offsetOf(node.location);
    const nullable = mayBeNull(checked, isOneGroup);
    const known = calls.find((other) => isSameExpression(factsOf(other), factsOf(checked)));
    const column = known?.column ?? resultColumn(calls.length + 1, checked, nullable);
    if (known === undefined) calls.push({ ...checked, column, offset });
    return { kind: 'column', column, type, nullable, offset };
  };
  return { calls, check };
}

type Call = Omit<AggregateCall, 'column' | 'offset'>;

const factsOf = ({ resolved, args, filter, isDistinct, sortKeys }: Call): object => ({
  resolved,
  args,
  filter,
  isDistinct,
  sortKeys,
});

const resultColumn = (n: number, { resolved }: Call, nullable: boolean): ScopeColumn => ({
  name: resolved.routine.name,
  type: resolved.returns,
  nullable,
  table: '',
  origin: 'group',
  variable: `result${n}`,
});

function mayBeNull({ resolved: { routine }, args, filter }: Call, isOneGroup: boolean): boolean {
  if (routine.name === 'count') return false;
  if (isOneGroup || filter !== undefined || routine.nullable) return true;
  return routine.name !== 'array_agg' && args.some((arg) => arg.nullable);
}

/** Aggregates whose result is the same with and without DISTINCT. */
const ONCE = /^(?:min|max|bool_and|bool_or|every|any_value|latest|earliest|topkdistinct)$/;

function checkCall(context: CheckContext, node: FuncCall): Call {
  const offset = context.offsetOf(node.location);
  const name = nameOf(node.funcname);
  rejectForms(context, node, name);
  const inputs = { ...context, columns: context.columns.filter(({ origin }) => origin !== 'group') };
  const scope = { ...inputs, aggregate: forbidAggregates('aggregate function calls cannot be nested') };
  const fold = (expression: Checked): Checked => foldConstants(context.source, expression);
  const operands = (node.args ?? []).map((arg) => checkExpression(scope, arg));
  const { aggregate, resolved } = choose(context, { name, operands, offset });
  const converted = call(context, resolved, operands);
  const args = (converted.kind === 'call' ? converted.args : []).map((arg) => withoutUnknown(context, arg));
  checkCount(context, name, args[1]);
  const isDistinct = node.agg_distinct === true && !ONCE.test(name);
  const sortKeys = checkOrder(scope, node, isDistinct ? { operands, args } : undefined);
  // The result of the others does not depend on the order of the rows.
  const isOrdered = !aggregate.isInvertible && !/^(?:min|max|bool_and|bool_or|every)$/.test(name);
  rejectRecords(context, { name, args: isDistinct ? args : [], sortKeys, offset });
  const filter = checkFilter(inputs, node.agg_filter);
  const kept = isOrdered ? sortKeys.map((key) => ({ ...key, expression: fold(key.expression) })) : [];
  return {
    resolved,
    state:
      isDistinct || kept.length > 0 ? [...args, ...kept].map(() => arrayOf(TEXT)) : stateTypes(aggregate, resolved),
    isInvertible: aggregate.isInvertible && !isDistinct,
    args: args.map(fold),
    filter: filter === undefined ? undefined : fold(filter),
    isDistinct,
    sortKeys: kept,
  };
}

function rejectForms(context: CheckContext, node: FuncCall, name: string): void {
  const offset = context.offsetOf(node.location);
  if (!AGGREGATE_CANDIDATES.some(({ routine }) => routine.name === name) || node.agg_within_group === true)
    throw mistake(context, 'unsupported', {
      offset,
      problem: `the aggregate ${name} is not supported`,
      hint: OTHER_AGGREGATES.get(name) ?? 'docs/sql.md lists the aggregates',
    });
  if (name === 'count' && node.agg_star !== true && (node.args ?? []).length === 0)
    throw mistake(context, 'invalid', {
      offset,
      problem: 'count(*) must be used to call a parameterless aggregate function',
    });
  if (node.func_variadic === true || node.args?.some((arg) => 'NamedArgExpr' in arg))
    throw mistake(context, 'unsupported', { offset, problem: `${name} takes arguments without names and VARIADIC` });
}

const MOST_KEPT = 1000;

/** Checks the number of values that topk keeps, which bounds its state. */
function checkCount(context: CheckContext, name: string, count: Checked | undefined): void {
  if (!name.startsWith('topk') || count === undefined) return;
  const folded = foldConstants(context.source, count);
  const value = folded.kind === 'constant' ? Number(folded.text ?? 0) : 0;
  if (value >= 1 && value <= MOST_KEPT) return;
  throw mistake(context, 'invalid', {
    offset: count.offset,
    problem: `the second argument of ${name} must be a number from 1 to ${MOST_KEPT}`,
    hint: `write ${name}(x, 10)`,
  });
}

interface Choice {
  readonly name: string;
  readonly operands: readonly Checked[];
  readonly offset: number;
}

function choose(
  context: CheckContext,
  { name, operands, offset }: Choice,
): { readonly aggregate: Aggregate; readonly resolved: Resolved } {
  const candidates = AGGREGATE_CANDIDATES.filter(({ routine }) => routine.name === name);
  const types = operands.map(({ type }) => type);
  const written = signatureText(name, types);
  if (types.some(holdsRecord) && name !== 'count' && name !== 'any_value')
    throw mistake(context, 'unsupported', {
      offset,
      problem: `${written} is not supported`,
      hint: 'use a field of the object, such as (address).city, or to_jsonb',
    });
  const resolution = resolve(
    candidates.map(({ routine }) => routine),
    types,
  );
  if (typeof resolution !== 'object')
    throw mistake(context, 'invalid', {
      offset,
      problem: `function ${written} ${resolution === 'none' ? 'does not exist' : 'is not unique'}`,
      hint: `the supported forms are ${formsOf(candidates)}; cast the argument to match one`,
    });
  const aggregate = candidates.find(({ routine }) => routine === resolution.routine);
  if (aggregate === undefined || aggregate.routine.unsupported)
    throw mistake(context, 'unsupported', {
      offset,
      problem: `${written} is not supported`,
      hint: aggregate?.routine.meaning,
    });
  return { aggregate, resolved: resolution };
}

const formsOf = (candidates: readonly Aggregate[]): string =>
  candidates
    .filter(({ routine }) => !routine.unsupported)
    .map(({ routine }) =>
      routine.name === 'count' && routine.parameters.length === 0
        ? 'count(*)'
        : signatureText(routine.name, routine.parameters),
    )
    .join(', ');

/** Returns the types of the columns that hold the state. Objects are held as jsonb. */
function stateTypes({ state }: Aggregate, { parameters, returns }: Resolved): readonly SqlType[] {
  const [argument = TEXT, second = argument] = parameters;
  return state.map((name) => {
    const type = typeNamed(name) ?? (name === 'anyarray' ? returns : name === 'any' ? second : argument);
    return holdsRecord(type) ? JSONB : type;
  });
}

/** The arguments of an aggregate with DISTINCT: as they are written, and converted to the types of its parameters. */
interface Distinct {
  readonly operands: readonly Checked[];
  readonly args: readonly Checked[];
}

function checkOrder(scope: CheckContext, node: FuncCall, distinct: Distinct | undefined): readonly SortKey[] {
  return (node.agg_order ?? []).flatMap((item) => {
    if (!('SortBy' in item) || item.SortBy.node === undefined) return [];
    const expression = withoutUnknown(scope, checkExpression(scope, item.SortBy.node));
    if (distinct === undefined) return [sortOrder(scope, item.SortBy, expression)];
    const index = distinct.operands.findIndex((operand) =>
      isSameExpression(withoutUnknown(scope, operand), expression),
    );
    const arg = distinct.args[index];
    if (arg === undefined)
      throw mistake(scope, 'invalid', {
        offset: expression.offset,
        problem: 'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
      });
    return [sortOrder(scope, item.SortBy, arg)];
  });
}

function rejectRecords(
  context: CheckContext,
  {
    name,
    args,
    sortKeys,
    offset,
  }: Pick<Call, 'args' | 'sortKeys'> & { readonly name: string; readonly offset: number },
): void {
  if (![...args, ...sortKeys.map(({ expression }) => expression)].some(({ type }) => holdsRecord(type))) return;
  throw mistake(context, 'unsupported', {
    offset,
    problem: `${name} with DISTINCT or ORDER BY of objects is not supported: objects cannot be compared`,
    hint: 'use a field of the object, such as (address).city, or to_jsonb',
  });
}

function checkFilter(context: CheckContext, node: Node | undefined): Checked | undefined {
  if (node === undefined) return undefined;
  const scope = { ...context, aggregate: forbidAggregates('aggregate functions are not allowed in FILTER') };
  const condition = checkExpression(scope, node);
  return requireBoolean(context, isUnknown(condition.type) ? condition : withoutUnknown(context, condition), 'FILTER');
}
