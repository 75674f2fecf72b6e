import type { Checked } from './checked.ts';
import type { ForeignKey, Join } from './join.ts';
import type { Plan } from './plan.ts';
import { keyPlan, sidePlan } from './split-join.ts';

/** A join by a foreign key. */
export type ForeignJoin = Join & { readonly foreign: ForeignKey };

export const isForeign = (join: Join): join is ForeignJoin => join.foreign !== undefined;

/**
 * Returns the plan that projects a row of the left table: its key, as texts named `id`, `id2` and so on, before the
 * foreign key and the columns of its side.
 */
export function leftRowPlan(plan: Plan, join: ForeignJoin): Plan {
  const side = sidePlan(plan, join, 'left');
  return { ...side, outputs: [...idsOf(join), ...side.outputs] };
}

/** Returns the plan that projects only the key of a row of the left table: all that a deletion has to have. */
export const leftIdPlan = (plan: Plan, join: ForeignJoin): Plan => ({
  ...keyPlan(plan, join, 'left'),
  outputs: idsOf(join),
});

const idsOf = ({ foreign: { idTexts } }: ForeignJoin): readonly { name: string; expression: Checked }[] =>
  idTexts.map((expression, i) => ({ name: i === 0 ? 'id' : `id${i + 1}`, expression }));
