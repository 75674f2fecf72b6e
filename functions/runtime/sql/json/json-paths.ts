import type { Json } from './json.ts';
import { isArray, isObject, JSON_NULL, jsonText } from './json.ts';

/** Reads a field of an object (`->`); null if there is none. The functions of this file read jsonb. */
export function jsonField(value: Json, key: string): Json | null {
  if (!isObject(value)) return null;
  return value.get(key) ?? null;
}

/** Reads an element of an array (`->`). As in Postgres, a scalar counts as an array of one element. */
export function jsonElement(value: Json, index: number): Json | null {
  if (isObject(value)) return null;
  const items: readonly Json[] = isArray(value) ? value : [value];
  return items[index < 0 ? items.length + index : index] ?? null;
}

/** Converts jsonb to text as `->>` does: a string without quotes, JSON's null to SQL's null. */
export function jsonAsText(value: Json | null): string | null {
  if (value === null || value === JSON_NULL) return null;
  return typeof value === 'string' ? value : jsonText(value);
}

export const jsonFieldText = (value: Json, key: string): string | null => jsonAsText(jsonField(value, key));
export const jsonElementText = (value: Json, index: number): string | null => jsonAsText(jsonElement(value, index));

export function jsonPath(value: Json, path: readonly (string | null)[]): Json | null {
  let current: Json | null = value;
  for (const step of path) {
    if (step === null || current === null) return null;
    current = isArray(current) ? elementAt(current, step) : jsonField(current, step);
  }
  return current;
}

export const jsonPathText = (value: Json, path: readonly (string | null)[]): string | null =>
  jsonAsText(jsonPath(value, path));

function elementAt(value: Json, step: string): Json | null {
  const index = pathIndex(step);
  return index === undefined ? null : jsonElement(value, index);
}

/** Reads a step of a path as an index of an array; undefined if it is not an integer. */
export function pathIndex(step: string): number | undefined {
  if (!/^[ \t\n\v\f\r]*[+-]?\d+$/.test(step)) return undefined;
  const index = Number(step);
  return index >= -2147483648 && index <= 2147483647 ? index : undefined;
}

/** Evaluates `?`: tests for a key of an object, or a string in an array. */
export function jsonHas(value: Json, key: string): boolean {
  if (isObject(value)) return value.has(key);
  return isArray(value) ? value.includes(key) : value === key;
}

export const jsonHasAny = (value: Json, keys: readonly (string | null)[]): boolean =>
  keys.some((key) => key !== null && jsonHas(value, key));

export const jsonHasAll = (value: Json, keys: readonly (string | null)[]): boolean =>
  keys.every((key) => key === null || jsonHas(value, key));
