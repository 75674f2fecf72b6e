import { SqlError } from '../errors/sql-error.ts';
import type { Json, JsonArray } from './json.ts';
import { isArray, isObject } from './json.ts';
import { asArray } from './json-building.ts';
import { pathIndex } from './json-paths.ts';

/** Evaluates `||`. The functions of this file change jsonb: `||`, `-`, `#-`, jsonb_set, jsonb_insert. Each copies. */
export function jsonConcat(a: Json, b: Json): Json {
  if (isObject(a) && isObject(b)) return new Map([...a, ...b]);
  return [...asArray(a), ...asArray(b)];
}

export function jsonWithout(value: Json, key: string): Json {
  return jsonWithoutAll(value, [key]);
}

export function jsonWithoutAll(value: Json, keys: readonly (string | null)[]): Json {
  if (isArray(value)) return value.filter((item) => typeof item !== 'string' || !keys.includes(item));
  if (!isObject(value)) throw new SqlError('22023', 'cannot delete from scalar');
  return new Map([...value].filter(([key]) => !keys.includes(key)));
}

export function jsonWithoutElement(value: Json, index: number): Json {
  if (isObject(value)) throw new SqlError('22023', 'cannot delete from object using integer index');
  if (!isArray(value)) throw new SqlError('22023', 'cannot delete from scalar');
  const at = index < 0 ? value.length + index : index;
  return value.filter((_, i) => i !== at);
}

export function jsonWithoutPath(value: Json, path: readonly (string | null)[]): Json {
  if (!isArray(value) && !isObject(value)) throw new SqlError('22023', 'cannot delete path in scalar');
  if (isEmpty(value)) return value;
  return path.length === 0 ? value : changed(value, { path, at: 0, change: 'delete', replacement: undefined });
}

export function jsonSet(
  ...[value, path, replacement, create]: [Json, readonly (string | null)[], Json, boolean]
): Json {
  if (!isArray(value) && !isObject(value)) throw new SqlError('22023', 'cannot set path in scalar');
  if (isEmpty(value) && !create) return value;
  return path.length === 0 ? value : changed(value, { path, at: 0, change: create ? 'set' : 'replace', replacement });
}

export const jsonSetOrCreate = (value: Json, path: readonly (string | null)[], replacement: Json): Json =>
  jsonSet(value, path, replacement, true);

export function jsonInsert(...[value, path, item, after]: [Json, readonly (string | null)[], Json, boolean]): Json {
  if (!isArray(value) && !isObject(value)) throw new SqlError('22023', 'cannot set path in scalar');
  return path.length === 0
    ? value
    : changed(value, { path, at: 0, change: after ? 'after' : 'before', replacement: item });
}

export const jsonInsertBefore = (value: Json, path: readonly (string | null)[], item: Json): Json =>
  jsonInsert(value, path, item, false);

const isEmpty = (value: Json): boolean =>
  (isArray(value) && value.length === 0) || (isObject(value) && value.size === 0);

interface Change {
  readonly path: readonly (string | null)[];
  readonly at: number;
  readonly change: 'set' | 'replace' | 'delete' | 'before' | 'after';
  readonly replacement: Json | undefined;
}

function changed(value: Json, change: Change): Json {
  const step = change.path[change.at] ?? null;
  if (step === null) throw new SqlError('22004', `path element at position ${change.at + 1} is null`);
  if (isObject(value)) return changedObject(value, step, change);
  if (isArray(value)) return changedArray(value, step, change);
  return value;
}

const isLast = (change: Change): boolean => change.at === change.path.length - 1;

function changedObject(value: ReadonlyMap<string, Json>, step: string, change: Change): Json {
  const old = value.get(step);
  const copy = new Map(value);
  if (!isLast(change)) {
    if (old !== undefined) copy.set(step, changed(old, { ...change, at: change.at + 1 }));
    return copy;
  }
  const { change: kind, replacement } = change;
  if (kind === 'delete') copy.delete(step);
  else if (kind === 'before' || kind === 'after') {
    if (old !== undefined) throw new SqlError('22023', 'cannot replace existing key');
    if (replacement !== undefined) copy.set(step, replacement);
  } else if (replacement !== undefined && (old !== undefined || kind === 'set')) copy.set(step, replacement);
  return copy;
}

function changedArray(value: JsonArray, step: string, change: Change): Json {
  const index = pathIndex(step);
  if (index === undefined)
    throw new SqlError('22P02', `path element at position ${change.at + 1} is not an integer: "${step}"`);
  const at = index < 0 ? value.length + index : index;
  const copy = [...value];
  const old = at < 0 ? undefined : value[at];
  if (!isLast(change)) {
    if (old !== undefined) copy[at] = changed(old, { ...change, at: change.at + 1 });
    return copy;
  }
  changeElement(copy, old === undefined ? (at < 0 ? -1 : value.length) : at, change);
  return copy;
}

/** Changes an array at an index. An index of -1 is before the first element, the length is after the last. */
function changeElement(copy: Json[], at: number, { change, replacement }: Change): void {
  const exists = at >= 0 && at < copy.length;
  if (change === 'delete') {
    if (exists) copy.splice(at, 1);
    return;
  }
  if (replacement === undefined || (change === 'replace' && !exists)) return;
  if (exists && (change === 'set' || change === 'replace')) copy[at] = replacement;
  else copy.splice(exists && change === 'after' ? at + 1 : Math.max(at, 0), 0, replacement);
}
