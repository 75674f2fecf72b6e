import type { Checked, ScopeColumn } from '../plan/checked.ts';

/**
 * The columns that are never null where a condition is true: `WHERE sensor_id IS NOT NULL AND wind > 3` leaves both of
 * them there.
 */
export function presentWhere(condition: Checked): ReadonlySet<ScopeColumn> {
  switch (condition.kind) {
    case 'logic':
      return condition.operator === 'and'
        ? union(condition.args.map(presentWhere))
        : intersection(condition.args.map(presentWhere));
    case 'test':
      return presentWhereTested(condition);
    case 'quantified':
      // ALL over an empty list is true whatever is on its left.
      return condition.every && !hasElements(condition.right) ? NONE : neededBy(condition.left);
    default:
      return neededBy(condition);
  }
}

const NONE: ReadonlySet<ScopeColumn> = new Set();

const hasElements = (list: Checked): boolean => list.kind === 'array' && list.elements.length > 0;

function presentWhereTested({ test, arg }: Checked & { readonly kind: 'test' }): ReadonlySet<ScopeColumn> {
  if (test === 'true') return presentWhere(arg);
  return test === 'false' || test === 'not null' ? neededBy(arg) : NONE;
}

/** The columns for whose null an expression is null. */
function neededBy(expression: Checked): ReadonlySet<ScopeColumn> {
  switch (expression.kind) {
    case 'column':
      return new Set([expression.column]);
    case 'call':
      return expression.resolved.routine.strict ? union(expression.args.map(neededBy)) : NONE;
    case 'cast':
    case 'not':
      return neededBy(expression.arg);
    case 'field':
      return neededBy(expression.record);
    case 'element':
      return union([neededBy(expression.array), neededBy(expression.index)]);
    default:
      return NONE;
  }
}

const union = (sets: readonly ReadonlySet<ScopeColumn>[]): ReadonlySet<ScopeColumn> =>
  new Set(sets.flatMap((set) => [...set]));

const intersection = ([first = NONE, ...others]: readonly ReadonlySet<ScopeColumn>[]): ReadonlySet<ScopeColumn> =>
  new Set([...first].filter((column) => others.every((set) => set.has(column))));
