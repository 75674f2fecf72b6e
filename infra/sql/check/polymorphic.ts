import { canCoerce } from '../catalog/casts.ts';
import type { Parameter, Polymorphic, Resolved, Routine } from '../plan/routine.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { arrayOf, isUnknown, sameType, TEXT, UNKNOWN } from '../plan/sql-type.ts';
import { commonType } from './common-type.ts';

/**
 * Replaces anyarray, anyelement and similar parameters by types that fit the arguments. Returns undefined if the
 * routine does not take these arguments.
 */
export function bindPolymorphic(
  routine: Routine,
  parameters: readonly Parameter[],
  args: readonly SqlType[],
): Resolved | undefined {
  const element = elementType(parameters, args);
  if (element === undefined) return undefined;
  const asksForArray = [...parameters, routine.returns].some(
    (parameter) => parameter.kind === 'polymorphic' && isArrayParameter(parameter.name),
  );
  if (element.kind === 'array' && asksForArray) return undefined;
  if (parameters.some((parameter, i) => parameter.kind === 'foreign' && !isUnknown(args[i] ?? UNKNOWN)))
    return undefined;
  if (parameters.some((parameter, i) => isNonArray(parameter) && args[i]?.kind === 'array')) return undefined;
  const bound = parameters.map((parameter, i) => boundType(parameter, element, args[i] ?? UNKNOWN));
  if (!bound.every((parameter, i) => canCoerce(args[i] ?? UNKNOWN, parameter))) return undefined;
  return { routine, parameters: bound, returns: boundType(routine.returns, element, UNKNOWN) };
}

function boundType(parameter: Parameter, element: SqlType, arg: SqlType): SqlType {
  if (parameter.kind === 'foreign') return UNKNOWN;
  if (parameter.kind !== 'polymorphic') return parameter;
  if (parameter.name === 'any' || parameter.name === 'anynonarray') return isUnknown(arg) ? TEXT : arg;
  return isArrayParameter(parameter.name) ? arrayOf(element) : element;
}

const isNonArray = (parameter: Parameter): boolean =>
  parameter.kind === 'polymorphic' && parameter.name === 'anynonarray';
const isArrayParameter = (name: Polymorphic): boolean => name === 'anyarray' || name === 'anycompatiblearray';

/** Returns the element type of the polymorphic parameters; `unknown` if none of them needs one. */
function elementType(parameters: readonly Parameter[], args: readonly SqlType[]): SqlType | undefined {
  const found: SqlType[] = [];
  let [asked, compatible] = [false, false];
  for (const [i, parameter] of parameters.entries()) {
    if (parameter.kind !== 'polymorphic' || parameter.name === 'any' || parameter.name === 'anynonarray') continue;
    asked = true;
    compatible ||= parameter.name.startsWith('anycompatible');
    const arg = args[i] ?? UNKNOWN;
    if (isUnknown(arg)) continue;
    if (isArrayParameter(parameter.name) && arg.kind !== 'array') return undefined;
    found.push(isArrayParameter(parameter.name) && arg.kind === 'array' ? arg.element : arg);
  }
  if (!asked) return UNKNOWN;
  const [first] = found;
  if (first === undefined) return compatible ? TEXT : undefined;
  if (compatible) return commonType(found);
  return found.every((type) => sameType(type, first)) ? first : undefined;
}
