import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import { inputsOf } from '../plan/grouping.ts';
import type { Plan } from '../plan/plan.ts';
import { isScalar } from '../plan/sql-type.ts';
import type { ModuleCode } from './module-code.ts';
import { expand } from './module-code.ts';
import { indexesOf } from './statement.ts';

/**
 * Returns the code of inputs that are read from the bytes in a form that is quicker to work with: a column that is
 * nothing but the argument of sums and extremes, or the time of a row with WINDOW.
 */
export function directReads(module: ModuleCode, plan: Plan): ReadonlyMap<Checked, string> {
  const { grouping, unnests, where } = plan;
  if (grouping === undefined || unnests.length > 0) return new Map();
  const { aggregates, window } = grouping;
  const summed = aggregates.flatMap(({ resolved, args, filter, isDistinct, sortKeys }) => {
    const takesAny =
      ['sum', 'avg', 'min', 'max'].includes(resolved.routine.name) && filter === undefined && !isDistinct;
    const columns = takesAny && sortKeys.length === 0 ? args.filter((arg) => isColumnOf(arg, 'numeric')) : [];
    return columns.map((arg) => ({ arg, template: '{row/row-values/anyDecimalAt}' }));
  });
  const time = window === undefined || !isColumnOf(window.time, 'timestamptz') ? [] : [window.time];
  const found = [...summed, ...time.map((arg) => ({ arg, template: '{row/row-values/windowTimeAt}' }))];
  const direct = new Set(found.map(({ arg }) => arg));
  const others = new Set(
    [...inputsOf(grouping).filter((input) => !direct.has(input)), ...(where === undefined ? [] : [where])].flatMap(
      columnsOf,
    ),
  );
  const indexes = indexesOf(plan);
  return new Map(
    found.flatMap(({ arg, template }) => {
      const [column] = columnsOf(arg);
      if (column === undefined || others.has(column)) return [];
      return [[arg, readCode(module, column, { index: indexes.get(column) ?? -1, template })] as const];
    }),
  );
}

const isColumnOf = (expression: Checked, type: 'numeric' | 'timestamptz'): boolean =>
  expression.kind === 'column' && expression.column.origin === 'data' && isScalar(expression.type, type);

function readCode(
  module: ModuleCode,
  { nullable, type }: ScopeColumn,
  { index, template }: { readonly index: number; readonly template: string },
): string {
  const read = `${expand(module, template)}(row, ${index})`;
  return nullable || isScalar(type, 'timestamptz')
    ? read
    : `${expand(module, '{row/row-values/required}')}(row, ${index}, ${read})`;
}
