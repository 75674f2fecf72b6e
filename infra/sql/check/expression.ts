import type { A_ArrayExpr, A_Const, A_Expr, Node } from 'libpg-query';
import type { Checked } from '../plan/checked.ts';
import { arrayOf, BOOLEAN, scalar, UNKNOWN } from '../plan/sql-type.ts';
import { nameOf, namesOf } from '../syntax/parse-nodes.ts';
import { checkCast } from './casts.ts';
import {
  checkBetween,
  checkBooleanTest,
  checkCase,
  checkCoalesce,
  checkDistinct,
  checkExtreme,
  checkIn,
  checkLogic,
  checkNullIf,
  checkNullTest,
  toCommon,
} from './conditions.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';
import { checkFunction } from './functions.ts';
import { checkColumn, checkIndirection } from './names.ts';
import { checkOperator, checkQuantified } from './operators.ts';

/** Checks one expression of the parse tree. */
export function checkExpression(scope: Omit<CheckContext, 'check'>, node: Node): Checked {
  const context: CheckContext = { ...scope, check: (part) => checkNode(context, part) };
  return context.check(node);
}

function checkNode(context: CheckContext, node: Node): Checked {
  if ('A_Const' in node) return checkConstant(context, node.A_Const);
  if ('ColumnRef' in node) return checkColumn(context, node.ColumnRef);
  if ('A_Expr' in node) return checkOperatorNode(context, node.A_Expr);
  if ('FuncCall' in node) return checkFunction(context, node.FuncCall);
  if ('TypeCast' in node) return checkCast(context, node.TypeCast);
  if ('BoolExpr' in node) return checkLogic(context, node.BoolExpr);
  if ('NullTest' in node) return checkNullTest(context, node.NullTest);
  if ('BooleanTest' in node) return checkBooleanTest(context, node.BooleanTest);
  if ('CaseExpr' in node) return checkCase(context, node.CaseExpr);
  if ('CoalesceExpr' in node) return checkCoalesce(context, node.CoalesceExpr);
  if ('MinMaxExpr' in node) return checkExtreme(context, node.MinMaxExpr);
  if ('A_ArrayExpr' in node) return checkArray(context, node.A_ArrayExpr);
  if ('A_Indirection' in node) return checkIndirection(context, node.A_Indirection);
  throw unsupportedExpression(context, node);
}

/** What is wrong with each kind of expression that is not supported, by the parser's name for it. */
const UNSUPPORTED: Record<string, readonly [problem: string, hint?: string]> = {
  SubLink: ['subqueries are not supported yet', 'a transform sees one event at a time; to make a list, use ARRAY[…]'],
  SQLValueFunction: [
    'the current time and user are volatile: they change from call to call',
    'use `time`, the time of the event',
  ],
  ParamRef: ['parameters ($1) are not supported', 'write the value itself'],
  RowExpr: ['rows are not supported', 'use jsonb_build_object'],
  CollateClause: ['COLLATE is not supported', 'the collation is always "C"'],
  GroupingFunc: ['GROUPING is not supported yet'],
  SetToDefault: ['DEFAULT is not supported here'],
  XmlExpr: ['XML is not supported'],
  XmlSerialize: ['XML is not supported'],
};

const SQL_JSON = [
  'the SQL/JSON syntax is not supported',
  'use the jsonb functions, such as jsonb_build_object',
] as const;
const OTHERS = ['this kind of expression is not supported', 'docs/sql.md lists what is supported'] as const;

function unsupportedExpression(context: CheckContext, node: Node): Error {
  const [name = '', body] = Object.entries(node)[0] ?? [];
  const [problem, hint] = UNSUPPORTED[name] ?? (name.startsWith('Json') ? SQL_JSON : OTHERS);
  return mistake(context, 'unsupported', {
    offset: context.offsetOf((body as { location?: number }).location),
    problem,
    hint,
  });
}

function checkConstant(context: CheckContext, node: A_Const): Checked {
  const offset = context.offsetOf(node.location);
  const of = (type: Checked['type'], text: string | null): Checked => ({
    kind: 'constant',
    text,
    type,
    nullable: text === null,
    offset,
  });
  if (node.isnull === true) return of(UNKNOWN, null);
  if (node.ival !== undefined) return of(scalar('integer'), String(node.ival.ival ?? 0));
  if (node.boolval !== undefined) return of(BOOLEAN, node.boolval.boolval === true ? 'true' : 'false');
  if (node.sval !== undefined) return of(UNKNOWN, node.sval.sval ?? '');
  if (node.fval !== undefined) return of(scalar(numberType(node.fval.fval ?? '0')), node.fval.fval ?? '0');
  throw mistake(context, 'unsupported', { offset, problem: 'bit strings are not supported' });
}

/**
 * Returns the type of a number literal that the parser does not call an integer: the smallest whole type that it fits,
 * otherwise numeric. The lowest integer is one of them, because the parser reads its digits before its sign.
 */
function numberType(text: string): 'integer' | 'bigint' | 'numeric' {
  if (!/^-?(?:[\d_]+|0[xob][\da-f_]+)$/i.test(text)) return 'numeric';
  const digits = text.replaceAll('_', '');
  const value = digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits);
  if (value >= -(2n ** 31n) && value < 2n ** 31n) return 'integer';
  return value >= -(2n ** 63n) && value < 2n ** 63n ? 'bigint' : 'numeric';
}

function checkArray(context: CheckContext, node: A_ArrayExpr): Checked {
  const offset = context.offsetOf(node.location);
  const elements = (node.elements ?? []).map(context.check);
  if (elements.length === 0)
    throw mistake(context, 'invalid', {
      offset,
      problem: 'cannot determine type of empty array',
      hint: 'cast it, such as ARRAY[]::text[]',
    });
  const converted = toCommon(context, elements, 'ARRAY');
  const element = converted[0]?.type ?? UNKNOWN;
  if (element.kind === 'array')
    throw mistake(context, 'unsupported', {
      offset,
      problem: 'arrays of arrays are not supported',
      hint: 'use jsonb_build_array',
    });
  if (element.kind === 'record')
    throw mistake(context, 'unsupported', {
      offset,
      problem: 'arrays of objects are not supported',
      hint: 'use jsonb_build_array',
    });
  return { kind: 'array', elements: converted, type: arrayOf(element), nullable: false, offset };
}

function checkOperatorNode(context: CheckContext, node: A_Expr): Checked {
  const offset = context.offsetOf(node.location);
  switch (node.kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return checkOperator(context, nameOf(node.name), { operands: operandsOf(context, node), offset });
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const [left, right] = operandsOf(context, node);
      if (left === undefined || right === undefined) break;
      return checkQuantified(context, nameOf(node.name), { left, right, every: node.kind === 'AEXPR_OP_ALL', offset });
    }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return checkDistinct(context, node);
    case 'AEXPR_NULLIF':
      return checkNullIf(context, node);
    case 'AEXPR_IN':
      return checkIn(context, node);
    case 'AEXPR_SIMILAR':
      throw mistake(context, 'unsupported', { offset, problem: 'SIMILAR TO is not supported', hint: 'use LIKE or ~' });
    default:
      return checkBetween(context, node);
  }
  throw new Error('an operator without its operands');
}

/** Throws for `address->city`, ksqlDB's way to write a field: here `city` would be looked up as a column. */
function rejectArrow(context: CheckContext, { name, rexpr, location }: A_Expr, left: Checked): void {
  if (nameOf(name) !== '->' || rexpr === undefined || !('ColumnRef' in rexpr) || left.type.kind !== 'record') return;
  const [field] = namesOf(rexpr.ColumnRef.fields);
  throw mistake(context, 'invalid', {
    offset: context.offsetOf(location),
    problem: 'objects have no operator ->',
    hint: `write a field of an object as (address).${field}`,
  });
}

function operandsOf(context: CheckContext, node: A_Expr): readonly Checked[] {
  const { lexpr, rexpr } = node;
  const left = lexpr === undefined ? [] : [context.check(lexpr)];
  for (const operand of left) rejectArrow(context, node, operand);
  return rexpr === undefined ? left : [...left, context.check(rexpr)];
}
