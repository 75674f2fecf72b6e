import type { JoinExpr, RangeVar } from 'libpg-query';
import { FUNCTIONS } from '../catalog/functions.ts';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import { conjuncts } from '../plan/conditions.ts';
import type { Join, JoinKind, JoinSide, SideName } from '../plan/join.ts';
import { isAttribute, mayMiss } from '../plan/join.ts';
import type { Column } from '../plan/sql-type.ts';
import { isScalar, scalar, TEXT, typeName } from '../plan/sql-type.ts';
import type { ParsedAsOf, ParsedWithin } from '../syntax/join-clauses.ts';
import { namesOf } from '../syntax/parse-nodes.ts';
import { suggest } from '../syntax/suggest.ts';
import { forbidAggregates } from './aggregates.ts';
import { checkAsOf } from './as-of.ts';
import type { CheckContext } from './context.ts';
import { convert, mistake, requireBoolean } from './context.ts';
import { checkExpression } from './expression.ts';
import { foldConstants } from './fold.ts';
import { call, checkOperator } from './operators.ts';
import { resolve } from './resolve.ts';
import { checkWithin, rowTime, withAttributes } from './within.ts';

type Base = Omit<CheckContext, 'check' | 'columns'>;

/** What a join may be. */
export interface JoinRules {
  /** The columns of each input, by its name in FROM. */
  readonly inputs: ReadonlyMap<string, readonly Column[]>;
  /** What may be joined: files, which have an end, tables, or a stream with a table, or with a stream. */
  readonly of: 'files' | 'tables' | 'streams';
  /** Makes the variable of a column in generated code. */
  readonly variableOf: (name: string, index: number) => string;
  readonly attributes: readonly ScopeColumn[];
  readonly within: ParsedWithin | undefined;
  readonly asOf: ParsedAsOf | undefined;
}

export interface CheckedJoin extends Join {
  /** What ON asks besides the equality of the keys. Only an inner join may have it. */
  readonly rest: readonly Checked[];
}

const KINDS: Readonly<Record<string, JoinKind>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

/** Checks `a JOIN b ON …` and `a JOIN b USING (…)`. */
export function checkJoin(base: Base, node: JoinExpr, rules: JoinRules): CheckedJoin {
  const [first, second] = [relationOf(base, node.larg), relationOf(base, node.rarg)];
  const offset = base.offsetOf(second.location);
  const kind = KINDS[node.jointype ?? ''];
  if (kind === undefined || node.isNatural === true)
    throw mistake(base, 'unsupported', {
      offset,
      problem: `${node.isNatural === true ? 'NATURAL JOIN' : 'this kind of join'} is not supported`,
      hint: 'write JOIN … ON with the columns that must be equal',
    });
  const within = rules.within && checkWithin(base, rules.within, rules.of);
  const ofEvents = rules.of === 'streams' && within !== undefined;
  if (rules.of === 'streams' && within === undefined) refuseKind(base, kind, offset);
  const using = namesOf(node.usingClause);
  if (node.alias !== undefined || node.join_using_alias !== undefined)
    throw mistake(base, 'unsupported', { offset, problem: 'a name for the whole join is not supported' });
  if (kind === 'full' && using.length > 0)
    throw mistake(base, 'unsupported', {
      offset,
      problem: 'USING in a FULL JOIN is not supported: the column could be of either side',
      hint: `write ON, and coalesce(…) of both columns`,
    });
  const sideNamed = (side: SideName): JoinSide => {
    const of = sideOf(base, side === 'left' ? first : second, { rules, using, kind, side });
    return ofEvents ? withAttributes(of, side, kind) : of;
  };
  const [left, right] = [sideNamed('left'), sideNamed('right')];
  const asOf = rules.asOf && checkAsOf(base, rules.asOf, { kind, left, of: rules.of });
  if (left.table === right.table)
    throw mistake(base, 'invalid', {
      offset,
      problem: `table name "${right.table}" specified more than once`,
      hint: `give one of them an alias, as in ${second.relname} AS other`,
    });
  const on = node.usingClause === undefined ? checkOn(base, node, { left, right, rules }) : [];
  const equalities =
    node.usingClause === undefined ? on : using.map((name) => equalityOf(base, name, { left, right, offset }));
  const pairs = equalities.flatMap((part) => pairOf(part, left, right) ?? []);
  const rest = equalities.filter((part) => pairOf(part, left, right) === undefined);
  refuseRest(base, kind, { pairs: pairs.length, rest, offset });
  const keysOf = (side: SideName): readonly Checked[] =>
    pairs.map((pair) => keyText(base, inCommonType(base, pair, side)));
  const completed = (side: SideName, of: JoinSide): JoinSide => ({
    ...of,
    on: pairs.map((pair) => pair[side]),
    keys: keysOf(side),
    ...(rules.of === 'files' && (within ?? asOf) !== undefined ? { time: rowTime(contextOf(base), of) } : {}),
  });
  return {
    kind,
    left: completed('left', left),
    right: completed('right', right),
    ofTables: rules.of === 'tables',
    ...(within === undefined ? {} : { within }),
    ...(asOf === undefined ? {} : { asOf }),
    rest,
  };
}

function relationOf(base: Base, node: JoinExpr['larg']): RangeVar {
  if (node !== undefined && 'RangeVar' in node) return node.RangeVar;
  throw mistake(base, 'unsupported', {
    offset: 0,
    problem: 'a join takes two inputs',
    hint: 'join the result with the next input in another step',
  });
}

function refuseKind(base: Base, kind: JoinKind, offset: number): void {
  if (kind === 'inner' || kind === 'left') return;
  throw mistake(base, 'unsupported', {
    offset,
    problem: `${kind.toUpperCase()} JOIN of a stream with a table is not supported: a row of the table that meets no event would never be complete`,
    hint: 'name the stream first, and write JOIN or LEFT JOIN with the table; to join two streams, write WITHIN 1 HOUR before ON',
  });
}

interface SideRules {
  readonly rules: JoinRules;
  readonly using: readonly string[];
  readonly kind: JoinKind;
  readonly side: SideName;
}

/** Returns a side without its keys. Of a column that USING names, `*` and a bare name mean that of one side. */
function sideOf(base: Base, relation: RangeVar, { rules, using, kind, side }: SideRules): JoinSide {
  const name = relation.relname ?? '';
  const offset = base.offsetOf(relation.location);
  const declared = rules.inputs.get(name);
  if (declared === undefined || relation.schemaname !== undefined)
    throw mistake(base, 'invalid', { offset, problem: `there is no input "${name}"`, hint: inputHint(name, rules) });
  const table = relation.alias?.aliasname ?? name;
  if (table === 'event')
    throw mistake(base, 'unsupported', {
      offset,
      problem: 'an input of a join cannot be called "event", which means the attributes of an event',
      hint: `give it an alias, as in ${name} AS e`,
    });
  const missing = using.find((column) => declared.every((known) => known.name !== column));
  if (missing !== undefined)
    throw mistake(base, 'invalid', {
      offset,
      problem: `column "${missing}" specified in USING clause does not exist in ${side} table`,
      hint: `it has ${declared.map((column) => column.name).join(', ')}`,
    });
  const columns = declared.map(
    (column, i): ScopeColumn => ({
      ...column,
      table,
      origin: 'data',
      variable: `${rules.variableOf(column.name, i)}${side === 'left' ? '' : '2'}`,
      ...(using.includes(column.name) ? { using: using.indexOf(column.name) } : {}),
      ...(using.includes(column.name) && side === (kind === 'right' ? 'left' : 'right') ? { isMerged: true } : {}),
    }),
  );
  const scope = mayMiss(kind, side) ? columns.map((column) => ({ ...column, nullable: true })) : columns;
  return { name, table, offset, columns, scope, on: [], keys: [] };
}

function inputHint(name: string, { inputs }: JoinRules): string {
  const known = [...inputs.keys()];
  const near = suggest(name, known);
  return near === undefined ? `the inputs are ${known.join(', ')}` : `did you mean "${near}"?`;
}

interface Sides {
  readonly left: JoinSide;
  readonly right: JoinSide;
}

function checkOn(base: Base, node: JoinExpr, { left, right, rules }: Sides & { rules: JoinRules }): readonly Checked[] {
  if (node.quals === undefined)
    throw mistake(base, 'unsupported', {
      offset: right.offset,
      problem: 'a join without ON is not supported: every row would meet every other one',
      hint: `write ON with the columns that must be equal, as in ON ${right.table}.id = ${left.table}.id`,
    });
  const scope = {
    ...base,
    columns: [...left.columns, ...right.columns, ...rules.attributes],
    ...(base.aggregate === undefined
      ? {}
      : { aggregate: forbidAggregates('aggregate functions are not allowed in JOIN conditions') }),
  };
  const context: CheckContext = { ...scope, check: (part) => checkExpression(scope, part) };
  const condition = requireBoolean(context, checkExpression(scope, node.quals), 'JOIN/ON');
  return conjuncts(condition).map((part) => foldConstants(base.source, part));
}

/** Returns the condition that USING means. */
function equalityOf(base: Base, name: string, { left, right, offset }: Sides & { offset: number }): Checked {
  const context = contextOf(base);
  const operands = [left, right].map(({ columns }) => {
    const column = columns.find((known) => known.name === name);
    if (column === undefined) throw new Error(`USING names ${name}, which was checked to be there`);
    return { kind: 'column', column, type: column.type, nullable: column.nullable, offset } as const;
  });
  return checkOperator(context, '=', { operands, offset });
}

const contextOf = (base: Base): CheckContext => {
  const scope = { ...base, columns: [] };
  return { ...scope, check: (part) => checkExpression(scope, part) };
};

/** Returns both sides of an equality between the sides; undefined for any other condition. */
function pairOf(
  part: Checked,
  left: JoinSide,
  right: JoinSide,
): { readonly left: Checked; readonly right: Checked } | undefined {
  if (part.kind !== 'call' || part.resolved.routine.name !== '=') return undefined;
  const [one, other] = part.args;
  if (one === undefined || other === undefined) return undefined;
  const isOf = (expression: Checked, side: JoinSide): boolean => {
    const columns = columnsOf(expression);
    const isOwn = (column: ScopeColumn): boolean =>
      side.columns.includes(column) || (side === left && isAttribute(column));
    return columns.length > 0 && columns.every(isOwn);
  };
  if (isOf(one, left) && isOf(other, right)) return { left: one, right: other };
  return isOf(other, left) && isOf(one, right) ? { left: other, right: one } : undefined;
}

function refuseRest(
  base: Base,
  kind: JoinKind,
  { pairs, rest, offset }: { readonly pairs: number; readonly rest: readonly Checked[]; readonly offset: number },
): void {
  const [first] = rest;
  if (pairs === 0)
    throw mistake(base, 'unsupported', {
      offset: first?.offset ?? offset,
      problem: 'ON compares no column of one input with a column of the other for equality',
      hint: 'a join finds rows by a key: write ON with an equality, and other conditions after AND or in WHERE',
    });
  if (first === undefined || kind === 'inner') return;
  throw mistake(base, 'unsupported', {
    offset: first.offset,
    problem: `ON of a ${kind.toUpperCase()} JOIN takes equalities between the inputs, and no other condition`,
    hint: 'filter an input in a step before the join, or the result in WHERE',
  });
}

/** The types of times, from the narrowest to the widest: Postgres compares two of them as the wider one. */
const TIMES = ['date', 'timestamp', 'timestamptz'] as const;

/** Converts a key to the type in which it is compared, if the other side's has another text. */
function inCommonType(base: Base, pair: { readonly left: Checked; readonly right: Checked }, side: SideName): Checked {
  const ranks = [pair.left, pair.right].map(({ type }) => TIMES.findIndex((name) => isScalar(type, name)));
  const widest = TIMES[Math.max(...ranks)];
  if (widest === undefined) return pair[side];
  return convert(contextOf(base), pair[side], { to: scalar(widest), as: 'explicit' }) ?? pair[side];
}

/** Types whose text is the same exactly if the values are equal. */
const PLAIN: ReadonlySet<string> = new Set([
  'boolean',
  'integer',
  'bigint',
  'text',
  'date',
  'timestamp',
  'timestamptz',
  'uuid',
]);

/** Makes a text of a key: two keys have the same one exactly if they are equal. */
export function keyText(base: Base, key: Checked): Checked {
  const context = contextOf(base);
  const name = typeName(key.type);
  const text = (expression: Checked): Checked => {
    const made = convert(context, expression, { to: TEXT, as: 'explicit' });
    if (made === undefined) throw new Error(`${name} is not converted to text`);
    return foldConstants(base.source, made);
  };
  if (PLAIN.has(name)) return text(key);
  if (isScalar(key.type, 'numeric')) return text(called(context, 'trim_scale', key));
  // The sum of -0 and 0 is 0.
  if (isScalar(key.type, 'double precision')) {
    const zero: Checked = { kind: 'constant', text: '0', type: scalar('double precision'), nullable: false, offset: 0 };
    return text(checkOperator(context, '+', { operands: [key, zero], offset: key.offset }));
  }
  throw mistake(base, 'unsupported', {
    offset: key.offset,
    problem: `a join by a value of type ${name} is not supported`,
    hint: 'join by texts, numbers, times or booleans',
  });
}

function called(context: CheckContext, name: string, argument: Checked): Checked {
  const found = resolve(
    FUNCTIONS.filter((routine) => routine.name === name),
    [argument.type],
  );
  if (typeof found !== 'object') throw new Error(`there is no ${name}(${typeName(argument.type)})`);
  return call(context, found, [argument]);
}
