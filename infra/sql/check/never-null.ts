import type { Checked, ScopeColumn } from '../plan/checked.ts';

/**
 * Returns the columns that cannot be null when a condition is true: `sensor_id` and `wind` for `WHERE sensor_id IS NOT
 * NULL AND wind > 3`.
 */
export function notNullWhere(condition: Checked): ReadonlySet<ScopeColumn> {
  switch (condition.kind) {
    case 'logic':
      return condition.operator === 'and'
        ? union(condition.args.map(notNullWhere))
        : intersection(condition.args.map(notNullWhere));
    case 'test':
      return notNullWhereTested(condition);
    case 'quantified':
      // ALL over an empty list is true even if its left side is null.
      return condition.every && !hasElements(condition.right) ? NONE : nullPropagating(condition.left);
    default:
      return nullPropagating(condition);
  }
}

const NONE: ReadonlySet<ScopeColumn> = new Set();

const hasElements = (list: Checked): boolean => list.kind === 'array' && list.elements.length > 0;

function notNullWhereTested({ test, arg }: Checked & { readonly kind: 'test' }): ReadonlySet<ScopeColumn> {
  if (test === 'true') return notNullWhere(arg);
  return test === 'false' || test === 'not null' ? nullPropagating(arg) : NONE;
}

/** Returns the columns of which each makes the whole expression null when it is null. */
function nullPropagating(expression: Checked): ReadonlySet<ScopeColumn> {
  switch (expression.kind) {
    case 'column':
      return new Set([expression.column]);
    case 'call':
      return expression.resolved.routine.strict ? union(expression.args.map(nullPropagating)) : NONE;
    case 'cast':
    case 'not':
      return nullPropagating(expression.arg);
    case 'field':
      return nullPropagating(expression.record);
    case 'element':
      return union([nullPropagating(expression.array), nullPropagating(expression.index)]);
    default:
      return NONE;
  }
}

const union = (sets: readonly ReadonlySet<ScopeColumn>[]): ReadonlySet<ScopeColumn> =>
  new Set(sets.flatMap((set) => [...set]));

const intersection = ([first = NONE, ...others]: readonly ReadonlySet<ScopeColumn>[]): ReadonlySet<ScopeColumn> =>
  new Set([...first].filter((column) => others.every((set) => set.has(column))));
