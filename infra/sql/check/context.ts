import type { FuncCall, Node } from 'libpg-query';
import type { CastContext } from '../catalog/casts.ts';
import { canCoerce, findCast } from '../catalog/casts.ts';
import { evaluateConstant } from '../emit/evaluate.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { isScalar, isUnknown, sameType, TEXT, typeName } from '../plan/sql-type.ts';
import type { MistakeKind, Source } from '../syntax/source-position.ts';
import { SqlMistake } from '../syntax/source-position.ts';

/**
 * Everything that a part of the checker needs: the source, the columns in scope, and `check` for the parts of a node.
 */
export interface CheckContext {
  readonly source: Source;
  readonly columns: readonly ScopeColumn[];
  /** The names that SELECT gives with AS. Expressions cannot use them; a hint says so. */
  readonly selected?: readonly string[];
  readonly offsetOf: (location: number | undefined) => number;
  readonly check: (node: Node) => Checked;
  /** Checks a call of an aggregate, or throws where there can be none. Undefined in the SQL of a stream. */
  readonly aggregate?: (context: CheckContext, node: FuncCall) => Checked;
}

interface Problem {
  readonly offset: number;
  readonly problem: string;
  readonly hint?: string | undefined;
}

export function mistake(context: Pick<CheckContext, 'source'>, kind: MistakeKind, problem: Problem): SqlMistake {
  return new SqlMistake(kind, { source: context.source, ...problem });
}

/** Converts an expression if Postgres would do so implicitly; otherwise returns undefined. */
export function coerce(context: CheckContext, expression: Checked, to: SqlType): Checked | undefined {
  if (!canCoerce(expression.type, to)) return undefined;
  return convert(context, expression, { to, as: 'implicit' });
}

interface Conversion {
  readonly to: SqlType;
  readonly as: CastContext;
}

/** Converts an expression if there is a cast for this context. Parses a quoted literal as the target type at once. */
export function convert(context: CheckContext, expression: Checked, { to, as }: Conversion): Checked | undefined {
  if (isUnknown(expression.type) && expression.kind === 'constant') return readLiteral(context, expression, to);
  if (sameType(expression.type, to)) return expression;
  const cast = findCast(isUnknown(expression.type) ? TEXT : expression.type, to, as);
  if (cast === undefined) return undefined;
  const { offset } = expression;
  return {
    kind: 'cast',
    code: cast.code,
    arg: expression,
    type: to,
    nullable: expression.nullable || cast.nullable,
    offset,
  };
}

function readLiteral(context: CheckContext, literal: Checked & { kind: 'constant' }, type: SqlType): Checked {
  const constant: Checked = { ...literal, type };
  if (literal.text === null || isUnknown(type)) return constant;
  const { text, error: failure } = evaluateConstant(constant);
  if (failure !== undefined)
    throw mistake(context, failure.code === '0A000' ? 'unsupported' : 'invalid', {
      offset: literal.offset,
      problem: failure.message,
    });
  // 'yes' and 'T' are true: whoever looks at a constant finds one spelling.
  return isScalar(type, 'boolean') && text !== undefined ? { ...constant, text } : constant;
}

export function requireBoolean(context: CheckContext, expression: Checked, where: string): Checked {
  const converted = coerce(context, expression, { kind: 'scalar', name: 'boolean' });
  if (converted !== undefined) return converted;
  throw mistake(context, 'invalid', {
    offset: expression.offset,
    problem: `the argument of ${where} must be boolean, not ${typeName(expression.type)}`,
  });
}

/** Makes a literal whose type is still unknown a text. */
export function withoutUnknown(context: CheckContext, expression: Checked): Checked {
  return isUnknown(expression.type) ? (coerce(context, expression, TEXT) ?? expression) : expression;
}
