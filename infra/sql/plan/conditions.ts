import type { Checked } from './checked.ts';
import { BOOLEAN } from './sql-type.ts';

/** Returns the conditions that are all true exactly if this one is. */
export function conjuncts(condition: Checked): readonly Checked[] {
  return condition.kind === 'logic' && condition.operator === 'and' ? condition.args.flatMap(conjuncts) : [condition];
}

/** Joins conditions by AND. */
export function and(parts: readonly Checked[]): Checked | undefined {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first;
  return {
    kind: 'logic',
    operator: 'and',
    args: parts,
    type: BOOLEAN,
    nullable: parts.some(({ nullable }) => nullable),
    offset: first.offset,
  };
}
