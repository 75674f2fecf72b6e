import type { Checked, ScopeColumn } from './checked.ts';
import { columnsOf, withChildren } from './checked.ts';
import { and, conjuncts } from './conditions.ts';
import { inputsOf } from './grouping.ts';
import { isAttribute, type Join, mayMiss, type SideName } from './join.ts';
import type { Plan } from './plan.ts';

/**
 * Returns the plan that projects one side: its key, as texts named `key`, `key2` and so on, over files with WITHIN its
 * `time`, and then the columns that the statement reads. They are named `<table>.<column>`, so that both sides fit into
 * one row.
 */
export function sidePlan(plan: Plan, join: Join, side: SideName): Plan {
  const { name, columns, keys, scope, time } = join[side];
  const { pushed } = splitWhere(plan, join);
  const attributes = plan.columns.filter(isAttribute);
  const read = readAfterJoin(plan, join);
  const kept = columns.flatMap((column, i) => (read.has(scope[i] as ScopeColumn) ? [column] : []));
  const carried = side === 'left' ? attributes.filter((column) => read.has(column) && !isKept(column)) : [];
  return {
    source: plan.source,
    from: name,
    target: undefined,
    columns: [...columns, ...attributes],
    unnests: [],
    where: side === 'left' ? and(pushed) : undefined,
    outputs: [
      ...keys.map((expression, i) => ({ name: i === 0 ? 'key' : `key${i + 1}`, expression })),
      ...(time === undefined ? [] : [{ name: 'time', expression: time }]),
      ...[...kept, ...carried].map((column) => ({ name: nameInRow(column), expression: ofColumn(column) })),
    ],
    partitionBy: undefined,
    timestampBy: undefined,
  };
}

/** Returns the plan that projects only the key of a side: all that a deletion has to have. */
export function keyPlan(plan: Plan, join: Join, side: SideName): Plan {
  const whole = sidePlan(plan, join, side);
  return { ...whole, where: undefined, outputs: whole.outputs.slice(0, join[side].keys.length) };
}

/** How the right side is in the row: projected, or whole, under the names of its own columns. */
export type RightForm = 'projected' | 'whole';

/** A table keeps whole rows, so that a changed SELECT finds its columns in them. */
export const formOf = ({ ofTables, within }: Join): RightForm =>
  ofTables || within !== undefined ? 'projected' : 'whole';

/** Returns the plan over rows that hold both sides. It is the statement itself, without the join. */
export function rowPlan(plan: Plan, join: Join, rightForm: RightForm): Plan {
  const named = new Map<ScopeColumn, ScopeColumn>();
  for (const column of [...join.left.scope, ...join.right.scope]) {
    const isWhole = rightForm === 'whole' && join.right.scope.includes(column);
    named.set(column, isWhole ? column : { ...column, name: nameInRow(column), origin: 'data' });
  }
  for (const column of plan.columns)
    if (isAttribute(column) && !isKept(column))
      named.set(column, { ...column, name: nameInRow(column), origin: 'data', nullable: mayMiss(join.kind, 'left') });
  const renamed = (expression: Checked): Checked =>
    expression.kind === 'column'
      ? { ...expression, column: named.get(expression.column) ?? expression.column }
      : withChildren(expression, renamed);
  const optional = (expression: Checked | undefined) => expression && renamed(expression);
  const { join: _, ...rest } = plan;
  const { grouping } = plan;
  return {
    ...rest,
    columns: plan.columns.map((column) => named.get(column) ?? column),
    unnests: plan.unnests.map((unnest) => ({ ...unnest, list: renamed(unnest.list) })),
    where: optional(and(splitWhere(plan, join).kept)),
    outputs: plan.outputs.map(({ name, expression }) => ({ name, expression: renamed(expression) })),
    partitionBy: optional(plan.partitionBy),
    timestampBy: optional(plan.timestampBy),
    ...(grouping === undefined ? {} : { grouping: renamedIn(grouping, renamed) }),
  };
}

/** An event of the join has the type and the time of the left side's event; other attributes are carried as columns. */
const isKept = (column: ScopeColumn): boolean =>
  isAttribute(column) && (column.name === 'type' || column.name === 'time');

const nameInRow = ({ table, name }: ScopeColumn): string => `${table}.${name}`;

const ofColumn = (column: ScopeColumn): Checked => ({
  kind: 'column',
  column,
  type: column.type,
  nullable: column.nullable,
  offset: 0,
});

/** Replaces the columns in all expressions of a grouping, wherever they are. */
function renamedIn<Part>(part: Part, renamed: (expression: Checked) => Checked): Part {
  if (Array.isArray(part)) return part.map((item) => renamedIn(item, renamed)) as Part;
  if (typeof part !== 'object' || part === null) return part;
  if ('kind' in part && 'nullable' in part && 'offset' in part) return renamed(part as unknown as Checked) as Part;
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => [name, AS_THEY_ARE.has(name) ? value : renamedIn(value, renamed)]),
  ) as Part;
}

/** Members of a grouping that hold no expressions over the input: columns of the group, and the bounds of a window. */
const AS_THEY_ARE: ReadonlySet<string> = new Set(['column', 'resolved', 'state', 'start', 'end']);

/** Returns the columns and attributes that are read of rows that hold both sides. */
function readAfterJoin(plan: Plan, join: Join): ReadonlySet<ScopeColumn> {
  const { grouping } = plan;
  const inputs = grouping === undefined ? plan.outputs.map(({ expression }) => expression) : inputsOf(grouping);
  const lists = plan.unnests.map(({ list }) => list);
  const read = [...inputs, ...lists, ...splitWhere(plan, join).kept, plan.partitionBy, plan.timestampBy];
  return new Set(read.flatMap((expression) => (expression === undefined ? [] : columnsOf(expression))));
}

/**
 * Splits WHERE into the conditions on the left side alone, which are tested before the join if that changes no result,
 * and the others.
 */
function splitWhere(
  { where }: Plan,
  { kind, left, ofTables }: Join,
): { readonly pushed: readonly Checked[]; readonly kept: readonly Checked[] } {
  const parts = where === undefined ? [] : conjuncts(where);
  const isPushed = (part: Checked): boolean =>
    // A row of a table that no longer fits has to leave the result.
    !ofTables &&
    !mayMiss(kind, 'left') &&
    columnsOf(part).every((column) => isAttribute(column) || left.scope.includes(column));
  return { pushed: parts.filter(isPushed), kept: parts.filter((part) => !isPushed(part)) };
}
