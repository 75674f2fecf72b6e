import type { Node, SelectStmt } from 'libpg-query';
import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf, isSameExpression } from '../plan/checked.ts';
import type { FirstRow, Grouping, SortKey } from '../plan/grouping.ts';
import type { OutputColumn, Plan } from '../plan/plan.ts';
import type { ParsedStatement } from '../syntax/parse.ts';
import { offsetOfKeyword } from '../syntax/source-position.ts';
import { forbidAggregates } from './aggregates.ts';
import type { CheckContext } from './context.ts';
import { mistake, withoutUnknown } from './context.ts';
import { checkExpression } from './expression.ts';
import { foldConstants } from './fold.ts';
import type { Key } from './group-keys.ts';
import { addKey, namedOutput, positionOf } from './group-keys.ts';
import { checkLimit, checkSorting } from './grouped.ts';
import { checkOutputs } from './outputs.ts';

type Scope = Omit<CheckContext, 'check' | 'aggregate'>;

/** Tests for DISTINCT ON. The parser gives plain DISTINCT one empty item. */
export const isDistinctOn = ({ distinctClause }: SelectStmt): boolean =>
  (distinctClause ?? []).some((item) => Object.keys(item).length > 0);

/**
 * Checks `SELECT DISTINCT ON (k) … ORDER BY k, time DESC`: of each key it keeps one row, the first in the order. The
 * keys are then a grouping's, and the row is kept as an aggregate is.
 */
export function checkFirstRow(inputs: Scope, { select }: ParsedStatement): Pick<Plan, 'outputs' | 'grouping'> {
  const scope = {
    ...inputs,
    aggregate: forbidAggregates(
      'aggregates are not supported with DISTINCT ON, which keeps one row of each key',
      'write GROUP BY, with latest(x, time) for the value of the latest row',
    ),
  };
  const context: CheckContext = { ...scope, check: (node) => withoutUnknown(context, checkExpression(scope, node)) };
  const offset = offsetOfKeyword(context.source, /\bdistinct\b/i);
  if ((select.groupClause ?? []).length > 0 || select.havingClause !== undefined)
    throw mistake(context, 'unsupported', {
      offset,
      problem: 'DISTINCT ON is not supported with GROUP BY and HAVING',
      hint: 'write GROUP BY, with latest(x, time) for the value of the latest row',
    });
  const outputs = checkOutputs(context, select.targetList ?? []);
  const keys = keysOf(context, select.distinctClause ?? [], outputs);
  const sorted = checkSorting(context, select.sortClause ?? [], outputs);
  const { ofKeys, ofRow } = split(context, keys, { sorted, offset });
  const fold = (expression: Checked): Checked => foldConstants(inputs.source, expression);
  const folded = keys.map((key) => ({ ...key, expression: fold(key.expression) }));
  const first = startFirstRow(
    folded,
    ofRow.map((key) => ({ ...key, expression: fold(key.expression) })),
  );
  const shown = outputs.map(({ name, expression }) => ({ name, expression: first.column(fold(expression)) }));
  const grouping: Grouping = {
    keys: folded,
    aggregates: [],
    first: first.row,
    having: undefined,
    sortKeys: ofKeys.map((key) => ({ ...key, expression: first.column(fold(key.expression)) })),
    limit: checkLimit(context, select.limitCount, 'LIMIT'),
    offset: checkLimit(context, select.limitOffset, 'OFFSET') ?? 0n,
  };
  return { outputs: shown, grouping };
}

function keysOf(context: CheckContext, items: readonly Node[], outputs: readonly OutputColumn[]): readonly Key[] {
  const keys: Key[] = [];
  for (const node of items) {
    const expression =
      positionOf(context, { node, clause: 'DISTINCT ON', outputs }) ??
      namedOutput(node, outputs)?.expression ??
      context.check(node);
    addKey(context, keys, { clause: 'DISTINCT ON', expression });
  }
  return keys;
}

interface Sorted {
  readonly sorted: readonly SortKey[];
  /** The place of DISTINCT in the text. */
  readonly offset: number;
}

/** Splits ORDER BY into the keys, which come first as in Postgres, and what orders the rows of one key. */
function split(
  context: CheckContext,
  keys: readonly Key[],
  { sorted, offset }: Sorted,
): { readonly ofKeys: readonly SortKey[]; readonly ofRow: readonly SortKey[] } {
  const isKey = ({ expression }: SortKey): boolean => keys.some((key) => isSameExpression(key.expression, expression));
  const end = sorted.findIndex((key) => !isKey(key));
  const ofKeys = end === -1 ? sorted : sorted.slice(0, end);
  const missing = keys.some(({ expression }) => !ofKeys.some((key) => isSameExpression(key.expression, expression)));
  const [next] = sorted.slice(ofKeys.length);
  if (next !== undefined && missing)
    throw mistake(context, 'invalid', {
      offset: next.expression.offset,
      problem: 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions',
      hint: 'begin ORDER BY with the expressions of DISTINCT ON',
    });
  if (next === undefined)
    throw mistake(context, 'unsupported', {
      offset,
      problem: 'DISTINCT ON keeps the first row of each key, and nothing says which row is first',
      hint: 'write ORDER BY with the key and then the order, as in ORDER BY sensor_id, time DESC for the latest row',
    });
  return { ofKeys, ofRow: sorted.slice(ofKeys.length) };
}

/** Starts the list of the values that are kept of a row, each once: those that order it come first. */
function startFirstRow(
  keys: readonly Key[],
  sortKeys: readonly SortKey[],
): { readonly row: FirstRow; readonly column: (expression: Checked) => Checked } {
  const values: { readonly column: ScopeColumn; readonly expression: Checked }[] = [];
  const column = (expression: Checked): Checked => {
    const { type, nullable, offset } = expression;
    if (columnsOf(expression).length === 0) return expression;
    const known = [...keys, ...values].find((value) => isSameExpression(value.expression, expression));
    if (known !== undefined) return { kind: 'column', column: known.column, type, nullable, offset };
    const variable = `first${values.length + 1}`;
    const made: ScopeColumn = { name: variable, type, nullable, table: '', origin: 'group', variable };
    values.push({ column: made, expression });
    return { kind: 'column', column: made, type, nullable, offset };
  };
  for (const { expression } of sortKeys) column(expression);
  return { row: { values, sortKeys }, column };
}
