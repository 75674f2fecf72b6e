import type { Members, Shape } from './input-shapes.ts';
import { LogError } from './log-error.ts';

/**
 * Checks an input against the constraints of the service's model.
 *
 * *Behaviour.* A member of another type throws a SerializationException. All other mistakes throw one
 * ValidationException, whose message lists up to ten of them in the service's words.
 *
 * *Differences from AWS.* Members that the model does not have are ignored without a word; the message of a
 * SerializationException is ours.
 */
export function checkInput(input: unknown, members: Members): void {
  const failures = checkMembers(input, members, '');
  if (failures.length === 0) return;
  const first = failures.slice(0, mostListed);
  const count = `${first.length} validation error${first.length === 1 ? '' : 's'} detected`;
  throw new LogError('ValidationException', `${count}: ${first.join('; ')}`);
}

const mostListed = 10;

function checkMembers(input: unknown, members: Members, prefix: string): readonly string[] {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw wrongType(prefix, input, 'structure');
  let failures = none;
  for (const { member, name, shape } of listedMembers(members)) {
    const value = Object.hasOwn(input, member) ? (input as Record<string, unknown>)[member] : undefined;
    if (value === undefined || value === null) {
      if (shape.required !== true) continue;
      failures = [...failures, failure('null', prefix + name, 'Member must not be null')];
      continue;
    }
    const found = checkValue(value, shape, prefix + name);
    if (found.length > 0) failures = [...failures, ...found];
  }
  return failures;
}

const none: readonly string[] = [];

interface ListedMember {
  readonly member: string;
  /** As messages write it: with a small first letter. */
  readonly name: string;
  readonly shape: Members[string];
}

/** Lists the members of a structure, once for all calls: a reader that polls makes thousands of them. */
function listedMembers(members: Members): readonly ListedMember[] {
  const known = listed.get(members);
  if (known !== undefined) return known;
  const made = Object.entries(members).map(([member, shape]) => ({
    member,
    name: (member[0] ?? '').toLowerCase() + member.slice(1),
    shape,
  }));
  listed.set(members, made);
  return made;
}

const listed = new WeakMap<Members, readonly ListedMember[]>();

function checkValue(value: unknown, shape: Shape, path: string): readonly string[] {
  switch (shape.type) {
    case 'string':
      if (typeof value !== 'string') throw wrongType(path, value, 'string');
      return isFineText(value, shape) ? none : checkText(value, shape, path);
    case 'integer':
      if (typeof value !== 'number') throw wrongType(path, value, 'integer');
      return checkRange({ size: Math.trunc(value), shown: `'${value}'`, path, what: 'value' }, shape);
    case 'blob':
      if (!(value instanceof Uint8Array)) throw wrongType(path, value, 'blob');
      return checkRange({ size: value.length, shown: `'${value.length} bytes'`, path, what: 'length' }, shape);
    case 'list': {
      if (!Array.isArray(value)) throw wrongType(path, value, 'list');
      const own = checkRange({ size: value.length, shown: `'[${value.length} members]'`, path, what: 'length' }, shape);
      if (shape.areFine(value)) return own;
      return [...own, ...value.flatMap((item, index) => checkValue(item, shape.of, `${path}.${index + 1}.member`))];
    }
    case 'structure':
      return checkMembers(value, shape.members, `${path}.`);
    case 'map':
      if (typeof value !== 'object') throw wrongType(path, value, 'map');
      return none;
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongType(path, value, 'boolean');
      return none;
    case 'timestamp':
      if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw wrongType(path, value, 'timestamp');
      return none;
  }
}

type TextShape = Shape & { type: 'string' };

function isFineText(value: string, { min = 0, max = value.length, pattern, oneOf }: TextShape): boolean {
  if (value.length < min || value.length > max) return false;
  return (pattern === undefined || patternOf(pattern).test(value)) && (oneOf === undefined || oneOf.includes(value));
}

const patterns = new Map<string, RegExp>();

function patternOf(text: string): RegExp {
  const pattern = patterns.get(text) ?? new RegExp(`^(?:${text})$`);
  patterns.set(text, pattern);
  return pattern;
}

function checkText(value: string, shape: TextShape, path: string): readonly string[] {
  const shown = `'${value}'`;
  const failures = checkRange({ size: value.length, shown, path, what: 'length' }, shape);
  if (shape.pattern !== undefined && !patternOf(shape.pattern).test(value)) {
    failures.unshift(failure(shown, path, `Member must satisfy regular expression pattern: ${shape.pattern}`));
  }
  if (shape.oneOf !== undefined && !shape.oneOf.includes(value)) {
    failures.push(failure(shown, path, `Member must satisfy enum value set: [${shape.oneOf.join(', ')}]`));
  }
  return failures;
}

interface Measured {
  readonly size: number;
  readonly shown: string;
  readonly path: string;
  readonly what: 'value' | 'length';
}

function checkRange({ size, shown, path, what }: Measured, { min, max }: { min?: number; max?: number }): string[] {
  const failures: string[] = [];
  if (min !== undefined && size < min) {
    failures.push(failure(shown, path, `Member must have ${what} greater than or equal to ${min}`));
  }
  if (max !== undefined && size > max) {
    failures.push(failure(shown, path, `Member must have ${what} less than or equal to ${max}`));
  }
  return failures;
}

function failure(shown: string, path: string, constraint: string): string {
  return `Value ${shown} at '${path}' failed to satisfy constraint: ${constraint}`;
}

function wrongType(path: string, value: unknown, wanted: string): LogError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value;
  const where = path === '' || path.endsWith('.') ? `${path}input` : path;
  return new LogError('SerializationException', `${where}: a ${found} can not be converted to a ${wanted}`);
}
