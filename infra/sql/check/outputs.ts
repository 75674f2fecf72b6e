import type { Node } from 'libpg-query';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import type { OutputColumn } from '../plan/plan.ts';
import { typeName } from '../plan/sql-type.ts';
import { nameOf, namesOf } from '../syntax/parse-nodes.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';
import { hintOfTwice } from './names.ts';

/** Checks the SELECT list. */
export function checkOutputs(context: CheckContext, targets: readonly Node[]): readonly OutputColumn[] {
  const outputs = targets.flatMap((node) => ('ResTarget' in node ? checkTarget(context, node.ResTarget) : []));
  if (outputs.length === 0) throw mistake(context, 'invalid', { offset: 0, problem: 'SELECT lists no columns' });
  const seen = new Set<string>();
  for (const { name, expression } of outputs) {
    if (seen.has(name))
      throw mistake(context, 'invalid', {
        offset: expression.offset,
        problem: `two columns are named "${name}"`,
        hint: hintOfTwice(context.columns.filter((column) => column.name === name)) ?? 'rename one of them with AS',
      });
    seen.add(name);
  }
  return outputs;
}

type Target = Extract<Node, { ResTarget: unknown }>['ResTarget'];

function checkTarget(context: CheckContext, target: Target): readonly OutputColumn[] {
  const { val, name } = target;
  if (val === undefined) throw new Error('a column without its expression');
  const star = starOf(val);
  if (star !== undefined) return expandStar(context, star, context.offsetOf(target.location));
  const expression = context.check(val);
  const named = name ?? defaultName(val);
  if (named === undefined)
    throw mistake(context, 'invalid', {
      offset: expression.offset,
      problem: 'this column has no name',
      hint: 'name it with AS',
    });
  if (typeName(expression.type) === 'interval' || typeName(expression.type) === 'bytea')
    throw mistake(context, 'unsupported', {
      offset: expression.offset,
      problem: `a column of type ${typeName(expression.type)} cannot be written as JSON`,
      hint:
        typeName(expression.type) === 'bytea' ? "use encode(…, 'hex')" : 'use extract(epoch FROM …) or cast it to text',
    });
  return [{ name: named, expression }];
}

/** Returns the table's name for `table.*`, an empty text for `*`, and undefined for any other node. */
function starOf(node: Node): string | undefined {
  if (!('ColumnRef' in node)) return undefined;
  const fields = node.ColumnRef.fields ?? [];
  const last = fields.at(-1);
  return last !== undefined && 'A_Star' in last ? (namesOf(fields)[0] ?? '') : undefined;
}

/** Expands `*` to the columns of the data and of unnested lists; event attributes have to be named one by one. */
function expandStar(context: CheckContext, table: string, offset: number): readonly OutputColumn[] {
  const columns = table === '' ? allColumns(context.columns) : context.columns.filter((column) => isOf(table, column));
  if (columns.length === 0) throw mistake(context, 'invalid', { offset, problem: `there is no "${table}" in FROM` });
  return columns.map((column) => ({ name: column.name, expression: columnReference(column, offset) }));
}

/** Returns what `*` means. Of columns that USING names it has one, at the beginning. */
function allColumns(columns: readonly ScopeColumn[]): readonly ScopeColumn[] {
  const all = columns.filter(isInStar);
  const named = all.filter(({ using }) => using !== undefined).sort((a, b) => (a.using ?? 0) - (b.using ?? 0));
  return [...named, ...all.filter(({ using }) => using === undefined)];
}

/** The attributes of the events of a stream in a join are columns with its name, beside those of the data. */
const isOf = (table: string, column: ScopeColumn): boolean =>
  column.table === table && (column.origin !== 'event' || table === 'event');

const isInStar = ({ origin, isMerged }: ScopeColumn): boolean =>
  origin !== 'event' && origin !== 'group' && isMerged !== true;

const columnReference = (column: ScopeColumn, offset: number): Checked => ({
  kind: 'column',
  column,
  type: column.type,
  nullable: column.nullable,
  offset,
});

/** Returns the name that Postgres gives an output column without AS; an expression of operators has none. */
function defaultName(node: Node): string | undefined {
  if ('ColumnRef' in node) return namesOf(node.ColumnRef.fields).at(-1);
  if ('FuncCall' in node) return nameOf(node.FuncCall.funcname);
  if ('CoalesceExpr' in node) return 'coalesce';
  if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_GREATEST' ? 'greatest' : 'least';
  if ('TypeCast' in node)
    return node.TypeCast.arg === undefined
      ? undefined
      : (defaultName(node.TypeCast.arg) ?? nameOf(node.TypeCast.typeName?.names));
  if ('A_Indirection' in node)
    return (
      namesOf(node.A_Indirection.indirection).at(-1) ??
      (node.A_Indirection.arg === undefined ? undefined : defaultName(node.A_Indirection.arg))
    );
  if ('CaseExpr' in node)
    return node.CaseExpr.defresult === undefined ? 'case' : (defaultName(node.CaseExpr.defresult) ?? 'case');
  return undefined;
}
