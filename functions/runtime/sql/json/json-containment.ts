import type { Json, JsonArray } from './json.ts';
import { equalJson, isArray, isObject } from './json.ts';

/** Evaluates `@>`: tests whether `whole` contains everything in `part` at the same paths. */
export function jsonContains(whole: Json, part: Json): boolean {
  if (isArray(whole) && !isArray(part) && !isObject(part)) return elementContains(whole, part);
  return contains(whole, part);
}

export const jsonContained = (part: Json, whole: Json): boolean => jsonContains(whole, part);

function contains(whole: Json, part: Json): boolean {
  if (isObject(part)) {
    if (!isObject(whole)) return false;
    for (const [key, value] of part) {
      const found = whole.get(key);
      if (found === undefined || !contains(found, value)) return false;
    }
    return true;
  }
  if (isArray(part)) return isArray(whole) && part.every((item) => elementContains(whole, item));
  return !isObject(whole) && !isArray(whole) && equalJson(whole, part);
}

function elementContains(whole: JsonArray, part: Json): boolean {
  return whole.some((item) => contains(item, part));
}
