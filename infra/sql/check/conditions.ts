import type {
  A_Expr,
  BoolExpr,
  CaseExpr,
  CoalesceExpr,
  MinMaxExpr,
  Node,
  NullTest,
  BooleanTest as PgBooleanTest,
} from 'libpg-query';
import type { BooleanTest, Checked } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import { logic } from '../plan/conditions.ts';
import type { SqlType } from '../plan/sql-type.ts';
import { arrayOf, BOOLEAN, holdsRecord, typeName } from '../plan/sql-type.ts';
import { itemsOf, nameOf } from '../syntax/parse-nodes.ts';
import { commonType } from './common-type.ts';
import type { CheckContext } from './context.ts';
import { coerce, mistake, requireBoolean, withoutUnknown } from './context.ts';
import { checkOperator, checkQuantified, resolveOperator } from './operators.ts';

/** Checks AND, OR and NOT. The other functions of this file check the forms that are not ordinary calls. */
export function checkLogic(context: CheckContext, node: BoolExpr): Checked {
  const name = { AND_EXPR: 'AND', OR_EXPR: 'OR', NOT_EXPR: 'NOT' }[node.boolop ?? 'AND_EXPR'];
  const args = (node.args ?? []).map((arg) => requireBoolean(context, context.check(arg), name));
  const [arg] = args;
  if (name !== 'NOT' || arg === undefined) return logic(name === 'AND' ? 'and' : 'or', args);
  return { kind: 'not', arg, type: BOOLEAN, nullable: arg.nullable, offset: context.offsetOf(node.location) };
}

export function checkNullTest(context: CheckContext, node: NullTest): Checked {
  const arg = withoutUnknown(context, checkPart(context, node.arg));
  if (arg.type.kind === 'record')
    throw mistake(context, 'unsupported', {
      offset: arg.offset,
      problem: 'IS NULL of an object is not supported',
      hint: 'test one of its fields, such as (address).city IS NULL',
    });
  const test: BooleanTest = node.nulltesttype === 'IS_NULL' ? 'null' : 'not null';
  return { kind: 'test', test, arg, type: BOOLEAN, nullable: false, offset: arg.offset };
}

const TESTS: Record<string, BooleanTest> = {
  IS_TRUE: 'true',
  IS_NOT_TRUE: 'not true',
  IS_FALSE: 'false',
  IS_NOT_FALSE: 'not false',
  IS_UNKNOWN: 'null',
  IS_NOT_UNKNOWN: 'not null',
};

export function checkBooleanTest(context: CheckContext, node: PgBooleanTest): Checked {
  const arg = requireBoolean(context, checkPart(context, node.arg), 'IS TRUE');
  return {
    kind: 'test',
    test: TESTS[node.booltesttype ?? ''] ?? 'true',
    arg,
    type: BOOLEAN,
    nullable: false,
    offset: arg.offset,
  };
}

function checkPart(context: CheckContext, node: Node | undefined): Checked {
  if (node === undefined) throw new Error('the parser left out a part');
  return context.check(node);
}

export function checkCase(context: CheckContext, node: CaseExpr): Checked {
  const offset = context.offsetOf(node.location);
  const operand = node.arg === undefined ? undefined : withoutUnknown(context, context.check(node.arg));
  const whens = (node.args ?? []).flatMap((when) => ('CaseWhen' in when ? [when.CaseWhen] : []));
  const conditions = whens.map((when) => {
    const condition = checkPart(context, when.expr);
    if (operand === undefined) return requireBoolean(context, condition, 'CASE WHEN');
    return checkOperator(context, '=', { operands: [operand, condition], offset: condition.offset });
  });
  const otherwise = node.defresult === undefined ? nullConstant(offset) : context.check(node.defresult);
  // Postgres looks at ELSE first when it chooses the common type.
  const [last = otherwise, ...results] = toCommon(
    context,
    [otherwise, ...whens.map((when) => checkPart(context, when.result))],
    'CASE',
  );
  const branches = results.map((result, i) => ({ when: conditions[i] ?? result, result }));
  const nullable = [last, ...results].some((result) => result.nullable);
  return { kind: 'case', branches, otherwise: last, type: last.type, nullable, offset };
}

const nullConstant = (offset: number): Checked => ({
  kind: 'constant',
  text: null,
  type: { kind: 'scalar', name: 'unknown' },
  nullable: true,
  offset,
});

export function checkCoalesce(context: CheckContext, node: CoalesceExpr): Checked {
  const args = toCommon(context, (node.args ?? []).map(context.check), 'COALESCE');
  const type = args[0]?.type ?? BOOLEAN;
  return {
    kind: 'coalesce',
    args,
    type,
    nullable: args.every((arg) => arg.nullable),
    offset: context.offsetOf(node.location),
  };
}

export function checkExtreme(context: CheckContext, node: MinMaxExpr): Checked {
  const name = node.op === 'IS_GREATEST' ? 'GREATEST' : 'LEAST';
  const args = toCommon(context, (node.args ?? []).map(context.check), name);
  const type = args[0]?.type ?? BOOLEAN;
  const offset = context.offsetOf(node.location);
  if (holdsRecord(type))
    throw mistake(context, 'unsupported', { offset, problem: `${name} of objects is not supported` });
  return {
    kind: 'extreme',
    sign: name === 'GREATEST' ? 1 : -1,
    args,
    type,
    nullable: args.every((arg) => arg.nullable),
    offset,
  };
}

/** Converts all expressions to the common type that Postgres would choose for them. */
export function toCommon(context: CheckContext, expressions: readonly Checked[], where: string): readonly Checked[] {
  const types = expressions.map(({ type }) => type);
  const type = commonType(types);
  if (type === undefined) throw mistake(context, 'invalid', mismatch(expressions, where));
  return expressions.map((expression) => coerce(context, expression, type) ?? expression);
}

function mismatch(expressions: readonly Checked[], where: string) {
  const known = expressions.filter(({ type }) => typeName(type) !== 'unknown');
  const [first] = known;
  const other =
    known.find(({ type }) => first !== undefined && commonType([first.type, type]) === undefined) ?? known.at(-1);
  const offset = other?.offset ?? 0;
  const names = [first, other].map((expression) => (expression === undefined ? 'unknown' : typeName(expression.type)));
  return { offset, problem: `${where} types ${names.join(' and ')} cannot be matched`, hint: 'cast one of them' };
}

export function checkDistinct(context: CheckContext, node: A_Expr): Checked {
  const args = [checkPart(context, node.lexpr), checkPart(context, node.rexpr)] as const;
  const { equal, converted } = equality(context, args, node);
  const negated = node.kind === 'AEXPR_NOT_DISTINCT';
  return { kind: 'distinct', negated, equal, args: converted, type: BOOLEAN, nullable: false, offset: args[0].offset };
}

export function checkNullIf(context: CheckContext, node: A_Expr): Checked {
  const args = [checkPart(context, node.lexpr), checkPart(context, node.rexpr)] as const;
  const { equal, converted } = equality(context, args, node);
  return {
    kind: 'nullif',
    equal,
    args: converted,
    type: converted[0].type,
    nullable: true,
    offset: context.offsetOf(node.location),
  };
}

function equality(context: CheckContext, args: readonly [Checked, Checked], node: A_Expr) {
  const [a, b] = args;
  const equal = resolveOperator(context, '=', { types: [a.type, b.type], offset: context.offsetOf(node.location) });
  const [left = a.type, right = b.type] = equal.parameters;
  const converted = [coerce(context, a, left) ?? a, coerce(context, b, right) ?? b] as const;
  return { equal, converted };
}

export function checkBetween(context: CheckContext, node: A_Expr): Checked {
  const value = checkPart(context, node.lexpr);
  const [low, high] = itemsOf(node.rexpr).map(context.check);
  if (low === undefined || high === undefined) throw new Error('BETWEEN without its bounds');
  const offset = context.offsetOf(node.location);
  const compare = (operator: string, bound: Checked): Checked =>
    checkOperator(context, operator, { operands: [value, bound], offset });
  const [from, to] = [low, high];
  const inside = (a: Checked, b: Checked): Checked => logic('and', [compare('>=', a), compare('<=', b)]);
  const outside = (a: Checked, b: Checked): Checked => logic('or', [compare('<', a), compare('>', b)]);
  if (node.kind === 'AEXPR_BETWEEN') return inside(from, to);
  if (node.kind === 'AEXPR_NOT_BETWEEN') return outside(from, to);
  if (node.kind === 'AEXPR_BETWEEN_SYM') return logic('or', [inside(from, to), inside(to, from)]);
  return logic('and', [outside(from, to), outside(to, from)]);
}

/** Checks IN. As in Postgres, several constants become one search in an array; other items are compared one by one. */
export function checkIn(context: CheckContext, node: A_Expr): Checked {
  const operator = nameOf(node.name);
  const negated = operator === '<>';
  const offset = context.offsetOf(node.location);
  const left = checkPart(context, node.lexpr);
  const items = itemsOf(node.rexpr).map(context.check);
  const constants = items.filter((item) => columnsOf(item).length === 0);
  const element = constants.length > 1 ? listType(left, constants) : undefined;
  const tests: Checked[] = [];
  if (element !== undefined) {
    const elements = constants.map((item) => coerce(context, item, element) ?? item);
    const right: Checked = {
      kind: 'array',
      elements,
      type: arrayOf(element),
      nullable: false,
      offset: constants[0]?.offset ?? offset,
    };
    tests.push(
      checkQuantified(context, operator, {
        left: coerce(context, left, element) ?? left,
        right,
        every: negated,
        offset,
      }),
    );
  }
  for (const item of items)
    if (element === undefined || columnsOf(item).length > 0)
      tests.push(checkOperator(context, operator, { operands: [left, item], offset }));
  const [only] = tests;
  return tests.length === 1 && only !== undefined ? only : logic(negated ? 'and' : 'or', tests);
}

function listType(left: Checked, items: readonly Checked[]): SqlType | undefined {
  const type = commonType([left, ...items].map((item) => item.type));
  return type?.kind === 'scalar' ? type : undefined;
}
