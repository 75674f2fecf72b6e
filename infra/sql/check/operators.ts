import { OPERATORS } from '../catalog/operators.ts';
import { UNSUPPORTED } from '../catalog/unsupported.ts';
import type { Checked } from '../plan/checked.ts';
import type { Resolved, Routine } from '../plan/routine.ts';
import { signatureText, strictCount } from '../plan/routine.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { holdsRecord, isUnknown, typeName } from '../plan/sql-type.ts';
import type { CheckContext } from './context.ts';
import { coerce, mistake } from './context.ts';
import { resolve } from './resolve.ts';

/** Chooses the operator for the types of its operands by Postgres's rules. */
export function resolveOperator(
  context: CheckContext,
  name: string,
  { types, offset }: { types: readonly SqlType[]; offset: number },
): Resolved {
  const candidates = [...OPERATORS, ...UNSUPPORTED].filter(
    (operator) => operator.name === name && operator.parameters.length === types.length,
  );
  const resolution = candidates.length === 0 ? 'none' : resolve(candidates, types);
  if (typeof resolution === 'object') return supported(context, resolution, offset);
  const names = types.map(typeName);
  const word = KEYWORDS[name] ?? name;
  const written = names.length === 1 ? `${word} ${names[0]}` : names.join(` ${word} `);
  if (resolution === 'ambiguous')
    throw mistake(context, 'invalid', {
      offset,
      problem: `operator is not unique: ${written}`,
      hint: 'add a cast, such as ::text',
    });
  throw mistake(context, 'invalid', {
    offset,
    problem: `operator does not exist: ${written}`,
    hint: operatorHint(name, candidates, types),
  });
}

/** What people write for operators that Postgres's grammar calls by another name. */
const KEYWORDS: Readonly<Record<string, string>> = {
  '~~': 'LIKE',
  '!~~': 'NOT LIKE',
  '~~*': 'ILIKE',
  '!~~*': 'NOT ILIKE',
};

/** Throws if the routine that Postgres would call is not supported here, or not for these types. */
export function supported(context: CheckContext, resolved: Resolved, offset: number): Resolved {
  const { routine, parameters } = resolved;
  if (!routine.unsupported) {
    if (!COMPARES_OR_WRITES.test(routine.code) || !parameters.some(holdsRecord)) return resolved;
    throw mistake(context, 'unsupported', {
      offset,
      problem: `${signatureText(routine.name, parameters)} is not supported: objects cannot be compared or converted to text`,
      hint: 'use their fields, such as (address).city, or to_jsonb',
    });
  }
  const written = signatureText(routine.name, routine.parameters);
  const hint = routine.meaning === '' ? undefined : routine.meaning;
  throw mistake(context, 'unsupported', { offset, problem: `${written} is not supported`, hint });
}

/** Matches the code of routines that compare their arguments or convert them to text. */
const COMPARES_OR_WRITES = /<(?:(?:rest )?texts|text \$\d|(?:arrays )?(?:equal|compare|output))>/;

function operatorHint(name: string, candidates: readonly Routine[], types: readonly SqlType[]): string {
  if (candidates.length === 0) return 'no operator of this name is supported; docs/sql.md lists the operators';
  const [left] = types;
  if (left !== undefined && JSON_ACCESS.has(name) && left.kind !== 'scalar') return accessHint(left);
  if (types.some((type) => type.kind === 'record')) return 'compare its fields, such as (address).city';
  return types.some((type) => typeName(type) === 'text') && types.some((type) => typeName(type) !== 'text')
    ? 'Postgres does not convert text implicitly: cast one side, such as total::numeric'
    : 'cast one side to the type of the other';
}

const JSON_ACCESS: ReadonlySet<string> = new Set(['->', '->>', '#>', '#>>']);

/** Returns a hint for `->` and its relatives on a declared object or list: these operators take only jsonb. */
const accessHint = ({ kind }: SqlType): string =>
  kind === 'record'
    ? 'write a field of an object as (address).city'
    : 'write an element of a list as tags[1]; 1 is the first';

export function checkOperator(
  context: CheckContext,
  name: string,
  { operands, offset }: { operands: readonly Checked[]; offset: number },
): Checked {
  return call(context, resolveOperator(context, name, { types: operands.map(({ type }) => type), offset }), operands);
}

/** Makes a call of a routine and converts its arguments to the types of the parameters. */
export function call(context: CheckContext, resolved: Resolved, operands: readonly Checked[]): Checked {
  const args = operands.map(
    (operand, i) => coerce(context, operand, resolved.parameters[i] ?? operand.type) ?? operand,
  );
  const { routine, returns } = resolved;
  const nullable = routine.nullable || args.slice(0, strictCount(routine)).some((arg) => arg.nullable);
  const offset = Math.min(...operands.map((operand) => operand.offset));
  return { kind: 'call', resolved, args, type: returns, nullable, offset: Number.isFinite(offset) ? offset : 0 };
}

/** Checks `left op ANY (array)` and `left op ALL (array)`. */
export function checkQuantified(context: CheckContext, name: string, parts: Quantified): Checked {
  const { left, every, offset } = parts;
  const right = readListLiteral(context, left, parts.right);
  if (right.type.kind !== 'array')
    throw mistake(context, 'invalid', {
      offset: right.offset,
      problem: `ANY and ALL need an array on the right side, not ${typeName(right.type)}`,
    });
  const test = resolveOperator(context, name, { types: [left.type, right.type.element], offset });
  if (typeName(test.returns) !== 'boolean')
    throw mistake(context, 'invalid', { offset, problem: 'ANY and ALL need an operator whose result is boolean' });
  const [leftType = left.type, elementType = right.type.element] = test.parameters;
  const list = coerce(context, right, { kind: 'array', element: elementType }) ?? right;
  const probe = coerce(context, left, leftType) ?? left;
  return {
    kind: 'quantified',
    every,
    test,
    left: probe,
    right: list,
    type: test.returns,
    nullable: true,
    offset: left.offset,
  };
}

interface Quantified {
  readonly left: Checked;
  readonly right: Checked;
  readonly every: boolean;
  readonly offset: number;
}

/** Reads a quoted literal on the right side as an array of the left side's type. */
function readListLiteral(context: CheckContext, left: Checked, right: Checked): Checked {
  if (!isUnknown(right.type)) return right;
  if (left.type.kind === 'array')
    throw mistake(context, 'invalid', {
      offset: right.offset,
      problem: `could not find array type for data type ${typeName(left.type)}`,
    });
  const element: SqlType = isUnknown(left.type) ? { kind: 'scalar', name: 'text' } : left.type;
  return coerce(context, right, { kind: 'array', element }) ?? right;
}
