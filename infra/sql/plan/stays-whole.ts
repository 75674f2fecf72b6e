import type { Checked } from './checked.ts';
import type { AggregateCall } from './grouping.ts';
import type { Plan } from './plan.ts';
import { typeName } from './sql-type.ts';

/**
 * Tests whether a row of a table that could be made can still be made after more events, if their values are plain
 * (plain-inputs.ts in functions/runtime/sql/aggregates): no expression over the aggregates fails for some of their
 * results only, as a division does, and each aggregate is finite as long as its values are.
 */
export function staysWhole({ grouping, outputs }: Plan): boolean {
  if (grouping === undefined || grouping.first !== undefined) return false;
  const shown = [...outputs.map(({ expression }) => expression), ...(grouping.having ? [grouping.having] : [])];
  return grouping.aggregates.every(staysFinite) && shown.every(isSafe);
}

function staysFinite({ resolved, args, isDistinct, sortKeys }: AggregateCall): boolean {
  if (isDistinct || sortKeys.length > 0) return false;
  const { name } = resolved.routine;
  return name === 'count' || (FINITE.has(name) && args.every(({ type }) => EXACT.has(typeName(type))));
}

const FINITE: ReadonlySet<string> = new Set(['sum', 'avg', 'min', 'max', 'bool_and', 'bool_or', 'every']);
const EXACT: ReadonlySet<string> = new Set(['integer', 'bigint', 'numeric', 'boolean']);

/** Tests whether an expression has a value for all values of its columns. */
function isSafe(expression: Checked): boolean {
  switch (expression.kind) {
    case 'constant':
    case 'column':
      return true;
    case 'call':
      return isSafeCall(expression.resolved.routine.name, expression.args);
    case 'logic':
    case 'coalesce':
      return expression.args.every(isSafe);
    case 'not':
    case 'test':
      return isSafe(expression.arg);
    case 'case':
      return (
        expression.branches.every(({ when, result }) => isSafe(when) && isSafe(result)) && isSafe(expression.otherwise)
      );
    default:
      return false;
  }
}

/** Rounds to a number of digits that is always the same, or compares. */
function isSafeCall(name: string, args: readonly Checked[]): boolean {
  const [value, ...others] = args;
  if (name === 'round') return value !== undefined && isSafe(value) && others.every(({ kind }) => kind === 'constant');
  return COMPARISONS.has(name) && args.every(isSafe);
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);
