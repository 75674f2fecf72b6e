import { canCoerce } from '../catalog/casts.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { category, isPreferred, isUnknown, sameType, TEXT } from '../plan/sql-type.ts';

/** Returns the result type of CASE, COALESCE, ARRAY and similar forms for values of several types, if there is one. */
export function commonType(types: readonly SqlType[]): SqlType | undefined {
  const known = types.filter((type) => !isUnknown(type));
  const [first, ...others] = known;
  if (first === undefined) return TEXT;
  let chosen = first;
  for (const type of others) {
    if (sameType(type, chosen)) continue;
    if (category(type) !== category(chosen)) return undefined;
    if (!isPreferred(chosen) && canCoerce(chosen, type) && !canCoerce(type, chosen)) chosen = type;
  }
  return known.every((type) => canCoerce(type, chosen)) ? chosen : undefined;
}
