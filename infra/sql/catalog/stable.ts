import type { Checked } from '../plan/checked.ts';
import { parameterText } from '../plan/routine.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { isScalar, typeName } from '../plan/sql-type.ts';

/**
 * Routines that are "stable" in Postgres for every argument type: they depend on the session (time zone, date style),
 * so the planner does not evaluate them.
 */
const STABLE: ReadonlySet<string> = new Set([
  'array_to_string',
  'concat',
  'concat_ws',
  'convert_from',
  'convert_to',
  'format',
  'jsonb_build_array',
  'jsonb_build_object',
  'to_char',
  'to_date',
  'to_jsonb',
]);

/** Routines that depend on the session only in their form for timestamptz. */
const STABLE_WITH_ZONE: ReadonlySet<string> = new Set(['date_part', 'date_trunc', 'extract']);

const READ_BY_SESSION: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz', 'interval']);

/**
 * Tests whether Postgres evaluates a constant expression only at run time. An error in such an expression is not an
 * error of the statement; it rejects each event that reaches the expression.
 */
export function isStable(expression: Checked): boolean {
  if (expression.kind === 'cast') return isStableCast(expression.arg.type, expression.type);
  if (expression.kind !== 'call') return false;
  const { name, parameters } = expression.resolved.routine;
  const types = parameters.map(parameterText);
  if (STABLE.has(name)) return true;
  if (STABLE_WITH_ZONE.has(name)) return types.at(-1) === 'timestamptz';
  if (name === 'to_timestamp') return types[0] === 'text';
  if (name === 'make_timestamptz') return types.at(-1) === 'double precision';
  if (name === '||') return types.includes('anynonarray') && expression.args.some(({ type }) => dependsOnSession(type));
  return (
    types.includes('timestamptz') &&
    types.some((type) => type === 'interval' || type === 'date' || type === 'timestamp') &&
    /^[-+<>=]/.test(name)
  );
}

function isStableCast(from: SqlType, to: SqlType): boolean {
  if (from.kind === 'array' && to.kind === 'array') return isStableCast(from.element, to.element);
  if (isScalar(from, 'text') || isScalar(to, 'text')) return dependsOnSession(from) || dependsOnSession(to);
  return typeName(from) !== typeName(to) && (isScalar(from, 'timestamptz') || isScalar(to, 'timestamptz'));
}

const dependsOnSession = (type: SqlType): boolean => type.kind === 'array' || READ_BY_SESSION.has(typeName(type));
