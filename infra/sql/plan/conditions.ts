import type { Checked } from './checked.ts';
import { BOOLEAN } from './sql-type.ts';

/** Returns the conditions that are all true exactly if this one is. */
export function conjuncts(condition: Checked): readonly Checked[] {
  return condition.kind === 'logic' && condition.operator === 'and' ? condition.args.flatMap(conjuncts) : [condition];
}

/** Joins conditions by AND; of none, there is no condition. */
export function and(parts: readonly Checked[]): Checked | undefined {
  const [first] = parts;
  return first === undefined || parts.length === 1 ? first : logic('and', parts);
}

/** Returns the condition that is AND, or OR, of others. */
export function logic(operator: 'and' | 'or', args: readonly Checked[]): Checked {
  const nullable = args.some((arg) => arg.nullable);
  return { kind: 'logic', operator, args, type: BOOLEAN, nullable, offset: args[0]?.offset ?? 0 };
}
