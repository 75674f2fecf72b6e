import type { Node } from 'libpg-query';
import type { Checked } from '../plan/checked.ts';
import { columnsOf, isSameExpression } from '../plan/checked.ts';
import type { GroupKey } from '../plan/grouping.ts';
import type { OutputColumn } from '../plan/plan.ts';
import { holdsRecord } from '../plan/sql-type.ts';
import { namesOf } from '../syntax/parse-nodes.ts';
import { forbidAggregates } from './aggregates.ts';
import type { CheckContext } from './context.ts';
import { mistake, withoutUnknown } from './context.ts';
import { checkExpression } from './expression.ts';
import { WINDOW_COLUMNS } from './window.ts';

export type Key = GroupKey;

const NO_AGGREGATES = 'aggregate functions are not allowed in GROUP BY';

/** Checks GROUP BY. An item is a position or a name in the SELECT list, or an expression over the input. */
export function checkKeys(
  context: CheckContext,
  items: readonly Node[],
  outputs: readonly OutputColumn[],
): readonly Key[] {
  const { start, end } = WINDOW_COLUMNS;
  const keys: Key[] = [];
  for (const item of items) {
    const expression = keyOf(context, item, outputs);
    const bound = columnsOf(expression).find((column) => column === start || column === end);
    if (bound !== undefined)
      throw mistake(context, 'invalid', {
        offset: expression.offset,
        problem: `"${bound.name}" is not allowed in GROUP BY: every group has windows of its own`,
        hint: 'leave it out; it can be selected',
      });
    if (columnsOf(expression).some(({ origin }) => origin === 'group'))
      throw mistake(context, 'invalid', { offset: expression.offset, problem: NO_AGGREGATES });
    addKey(context, keys, { clause: 'GROUP BY', expression });
  }
  return keys;
}

interface KeyItem {
  readonly clause: 'GROUP BY' | 'DISTINCT ON';
  readonly expression: Checked;
}

/** Adds the key that an expression is, if it is not there yet. */
export function addKey(context: CheckContext, keys: Key[], { clause, expression }: KeyItem): void {
  const { type, nullable, offset } = expression;
  if (holdsRecord(type))
    throw mistake(context, 'unsupported', {
      offset,
      problem: `${clause} of an object is not supported: objects cannot be compared`,
      hint: 'use its fields, such as (address).city',
    });
  if (keys.some((key) => isSameExpression(key.expression, expression))) return;
  const variable = `key${keys.length + 1}`;
  keys.push({ expression, column: { name: variable, type, nullable, table: '', origin: 'group', variable } });
}

function keyOf(context: CheckContext, node: Node, outputs: readonly OutputColumn[]): Checked {
  if ('GroupingSet' in node)
    throw mistake(context, 'unsupported', {
      offset: context.offsetOf(node.GroupingSet.location),
      problem: 'GROUPING SETS, ROLLUP, CUBE and GROUP BY () are not supported',
      hint: 'list the columns to group by',
    });
  const atPosition = positionOf(context, { node, clause: 'GROUP BY', outputs });
  if (atPosition !== undefined) return atPosition;
  const output = namedOutput(node, outputs);
  // As in Postgres, a column of FROM comes before an output; only the attributes of events come after it.
  const isInput = context.columns.some(({ name, origin }) => name === output?.name && origin !== 'event');
  if (output !== undefined && !isInput) return output.expression;
  return withoutUnknown(context, checkExpression({ ...context, aggregate: forbidAggregates(NO_AGGREGATES) }, node));
}

interface Item {
  readonly node: Node;
  readonly clause: 'GROUP BY' | 'ORDER BY' | 'DISTINCT ON';
  readonly outputs: readonly OutputColumn[];
}

/** Returns the output that a number stands for; undefined for anything but a constant. */
export function positionOf(context: CheckContext, { node, clause, outputs }: Item): Checked | undefined {
  if (!('A_Const' in node)) return undefined;
  const { ival, location } = node.A_Const;
  const offset = context.offsetOf(location);
  if (ival === undefined) throw mistake(context, 'invalid', { offset, problem: `non-integer constant in ${clause}` });
  const position = ival.ival ?? 0;
  const output = outputs[position - 1];
  if (output === undefined)
    throw mistake(context, 'invalid', { offset, problem: `${clause} position ${position} is not in select list` });
  return output.expression;
}

/** Returns the output whose name an item is. */
export function namedOutput(node: Node, outputs: readonly OutputColumn[]): OutputColumn | undefined {
  if (!('ColumnRef' in node)) return undefined;
  const names = namesOf(node.ColumnRef.fields);
  return names.length === 1 ? outputs.find(({ name }) => name === names[0]) : undefined;
}
