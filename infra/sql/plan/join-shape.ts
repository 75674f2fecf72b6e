import type { Checked } from './checked.ts';
import type { Join } from './join.ts';
import type { Plan } from './plan.ts';
import { sidePlan } from './split-join.ts';
import { typeName } from './sql-type.ts';
import { hashOf, textsOf } from './state-shape.ts';

type JoinPlan = Plan & { readonly join: Join };

/**
 * Says what a join of two tables keeps: the columns that it reads of both, by what they are joined by. The text is
 * stored, as that of a table's states is: nothing that it is made of is code of ours.
 */
export function joinShape(plan: JoinPlan): string {
  const { join } = plan;
  const hashed = hashes(plan);
  const sides = (['left', 'right'] as const).map((side) => {
    const columns = sidePlan(plan, join, side).outputs.slice(join[side].keys.length);
    const texts = columns.map(({ name, expression }) => `${name} ${typeName(expression.type)}`).sort();
    const id = side === 'left' && join.foreign !== undefined ? ` with ${join.foreign.id.map(hashed).join(' ')}` : '';
    return `${join[side].name}${id} by ${join[side].on.map(hashed).join(' ')}: ${texts.join(', ')}`;
  });
  return `join 1 of ${sides.join('; ')}`;
}

/**
 * Names the columns that hold the key of the table's rows. Rows that are kept by other columns have another key, which
 * is noticed: an expression has a name that is made of what it computes.
 */
export function keyNames(plan: JoinPlan): readonly string[] {
  const hashed = hashes(plan);
  return plan.join.right.keys.map((key) => {
    const inner = key.kind === 'cast' ? key.arg : key;
    if (inner.kind === 'column' && inner.column.name !== 'row') return inner.column.name;
    return `key ${hashed(key)}`;
  });
}

/** Returns a function that makes a hash of what an expression computes, wherever it is written. */
function hashes(plan: Plan): (expression: Checked) => string {
  const text = textsOf(plan);
  return (expression) => hashOf(text(expression));
}
