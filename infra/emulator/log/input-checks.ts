import type { Members, Shape } from './input-shapes.ts';
import { LogError } from './log-error.ts';

/**
 * Throws what the service answers to an input that does not have its shape: a SerializationException for a member of
 * another type, and one ValidationException for all the rest, which names every member that is wrong.
 */
export function checkInput(input: unknown, members: Members): void {
  const failures = checkMembers(input, members, '');
  if (failures.length === 0) return;
  const told = failures.slice(0, mostTold);
  const count = `${told.length} validation error${told.length === 1 ? '' : 's'} detected`;
  throw new LogError('ValidationException', `${count}: ${told.join('; ')}`);
}

const mostTold = 10;

function checkMembers(input: unknown, members: Members, path: string): string[] {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw wrongType(path, input, 'structure');
  const given = new Map<string, unknown>(Object.entries(input));
  return Object.entries(members).flatMap(([member, shape]) => {
    const value = given.get(member);
    const place = path + (member[0] ?? '').toLowerCase() + member.slice(1);
    if (value !== undefined && value !== null) return checkValue(value, shape, place);
    return shape.required === true ? [failure('null', place, 'Member must not be null')] : [];
  });
}

function checkValue(value: unknown, shape: Shape, place: string): string[] {
  switch (shape.type) {
    case 'string':
      if (typeof value !== 'string') throw wrongType(place, value, 'string');
      return checkText(value, shape, place);
    case 'integer':
      if (typeof value !== 'number') throw wrongType(place, value, 'integer');
      return checkRange({ size: Math.trunc(value), shown: `'${value}'`, place, what: 'value' }, shape);
    case 'blob':
      if (!(value instanceof Uint8Array)) throw wrongType(place, value, 'blob');
      return checkRange({ size: value.length, shown: `'${value.length} bytes'`, place, what: 'length' }, shape);
    case 'list': {
      if (!Array.isArray(value)) throw wrongType(place, value, 'list');
      const own = checkRange(
        { size: value.length, shown: `'[${value.length} members]'`, place, what: 'length' },
        shape,
      );
      if (shape.areFine(value)) return own;
      return [...own, ...value.flatMap((item, index) => checkValue(item, shape.of, `${place}.${index + 1}.member`))];
    }
    case 'structure':
      return checkMembers(value, shape.members, `${place}.`);
    case 'map':
      if (typeof value !== 'object') throw wrongType(place, value, 'map');
      return [];
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongType(place, value, 'boolean');
      return [];
    case 'timestamp':
      if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw wrongType(place, value, 'timestamp');
      return [];
  }
}

function checkText(value: string, shape: Shape & { type: 'string' }, place: string): string[] {
  const shown = `'${value}'`;
  const failures = checkRange({ size: value.length, shown, place, what: 'length' }, shape);
  if (shape.pattern !== undefined && !new RegExp(`^(?:${shape.pattern})$`).test(value)) {
    failures.unshift(failure(shown, place, `Member must satisfy regular expression pattern: ${shape.pattern}`));
  }
  if (shape.oneOf !== undefined && !shape.oneOf.includes(value)) {
    failures.push(failure(shown, place, `Member must satisfy enum value set: [${shape.oneOf.join(', ')}]`));
  }
  return failures;
}

interface Measured {
  readonly size: number;
  readonly shown: string;
  readonly place: string;
  readonly what: 'value' | 'length';
}

function checkRange({ size, shown, place, what }: Measured, { min, max }: { min?: number; max?: number }): string[] {
  const failures: string[] = [];
  if (min !== undefined && size < min) {
    failures.push(failure(shown, place, `Member must have ${what} greater than or equal to ${min}`));
  }
  if (max !== undefined && size > max) {
    failures.push(failure(shown, place, `Member must have ${what} less than or equal to ${max}`));
  }
  return failures;
}

function failure(shown: string, place: string, constraint: string): string {
  return `Value ${shown} at '${place}' failed to satisfy constraint: ${constraint}`;
}

function wrongType(place: string, value: unknown, wanted: string): LogError {
  const found = value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value;
  const where = place === '' || place.endsWith('.') ? `${place}input` : place;
  return new LogError('SerializationException', `${where}: a ${found} can not be converted to a ${wanted}`);
}
