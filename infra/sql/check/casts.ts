import type { TypeCast, TypeName } from 'libpg-query';
import type { Checked } from '../plan/checked.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { arrayOf, holdsRecord, isScalar, SUPPORTED_TYPES, typeName, typeNamed } from '../plan/sql-type.ts';
import { modifiersOf, nameOf } from '../syntax/parse-nodes.ts';
import type { CheckContext } from './context.ts';
import { convert, mistake } from './context.ts';

/** What to use instead of a type that is not supported, by the name that the parser gives it. */
const ALTERNATIVES: Record<string, string> = {
  varchar: 'use text',
  bpchar: 'use text',
  char: 'use text',
  name: 'use text',
  citext: 'use text and lower()',
  int2: 'use integer',
  float4: 'use double precision',
  money: 'use numeric',
  json: 'use jsonb',
  serial: 'use integer',
  string: 'use text',
  double: 'use double precision',
  tinyint: 'use integer',
  datetime: 'use timestamp or timestamptz',
  bytes: 'use bytea',
};

/** The names that people write for types that the parser calls otherwise. */
const WRITTEN_AS: Record<string, string> = { int2: 'smallint', float4: 'real', bpchar: 'char' };

/** Checks `CAST(x AS type)`, `x::type` and `type 'literal'`. */
export function checkCast(context: CheckContext, node: TypeCast): Checked {
  const { arg, typeName: written } = node;
  if (arg === undefined || written === undefined) throw new Error('a cast without its parts');
  const { type, modifiers } = checkTypeName(context, written);
  const element = type.kind === 'array' ? type.element : undefined;
  const value =
    element !== undefined && 'A_ArrayExpr' in arg
      ? castElements(context, {
          array: arg.A_ArrayExpr.elements ?? [],
          element,
          offset: context.offsetOf(arg.A_ArrayExpr.location),
        })
      : context.check(arg);
  const cast = convert(context, value, { to: type, as: 'explicit' });
  const offset =
    node.location === undefined || node.location < 0
      ? value.offset
      : Math.min(value.offset, context.offsetOf(node.location));
  if (cast === undefined)
    throw mistake(context, bytesAndNumbers(value.type, type) ? 'unsupported' : 'invalid', {
      offset,
      problem: `cannot cast ${typeName(value.type)} to ${typeName(type)}`,
      hint: castHint(value.type),
    });
  return modifiers.length === 0 ? cast : withPrecision(context, { ...cast, offset }, modifiers);
}

function castHint(type: SqlType): string | undefined {
  if (type.kind === 'record') return 'use one of its fields';
  return holdsRecord(type) ? 'use to_jsonb' : undefined;
}

/** Tests for a cast between an integer and bytea, which Postgres has and which is not supported here. */
const bytesAndNumbers = (from: SqlType, to: SqlType): boolean =>
  (isScalar(from, 'bytea') && ['integer', 'bigint'].includes(typeName(to))) ||
  (isScalar(to, 'bytea') && ['integer', 'bigint'].includes(typeName(from)));

/** Converts the elements of `ARRAY[…]::type[]` one by one, so that an empty array has a type too. */
function castElements(
  context: CheckContext,
  {
    array,
    element,
    offset,
  }: { array: readonly Parameters<CheckContext['check']>[0][]; element: SqlType; offset: number },
): Checked {
  const elements = array.map((node) => {
    const item = context.check(node);
    const cast = convert(context, item, { to: element, as: 'explicit' });
    if (cast === undefined)
      throw mistake(context, 'invalid', {
        offset: item.offset,
        problem: `cannot cast ${typeName(item.type)} to ${typeName(element)}`,
      });
    return cast;
  });
  return { kind: 'array', elements, type: arrayOf(element), nullable: false, offset };
}

export function checkTypeName(context: CheckContext, node: TypeName): { type: SqlType; modifiers: readonly number[] } {
  const name = nameOf(node.names);
  const offset = context.offsetOf(node.location);
  const type = typeNamed(name);
  if (type === undefined)
    throw mistake(context, 'unsupported', {
      offset,
      problem: `type ${WRITTEN_AS[name] ?? name} is not supported`,
      hint: ALTERNATIVES[name] ?? `use one of ${SUPPORTED_TYPES}`,
    });
  const bounds = node.arrayBounds ?? [];
  if (bounds.length > 1)
    throw mistake(context, 'unsupported', { offset, problem: 'arrays of several dimensions are not supported' });
  const modifiers = modifiersOf(node);
  if (modifiers.length > 0 && (!isScalar(type, 'numeric') || bounds.length > 0))
    throw mistake(context, 'unsupported', {
      offset,
      problem: `${name}(…) is not supported`,
      hint: 'only numeric can have a precision and a scale',
    });
  return { type: bounds.length === 1 ? arrayOf(type) : type, modifiers };
}

function withPrecision(context: CheckContext, arg: Checked, [precision = 0, scale = 0]: readonly number[]): Checked {
  if (precision < 1 || precision > 1000)
    throw mistake(context, 'invalid', {
      offset: arg.offset,
      problem: `numeric precision ${precision} must be between 1 and 1000`,
    });
  if (scale < -1000 || scale > 1000)
    throw mistake(context, 'invalid', {
      offset: arg.offset,
      problem: `numeric scale ${scale} must be between -1000 and 1000`,
    });
  return { ...arg, kind: 'cast', code: `{numbers/decimal-functions/fitDecimal}($1, ${precision}, ${scale})`, arg };
}
