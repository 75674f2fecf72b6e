import type { SelectStmt } from 'libpg-query';
import type { Checked } from '../plan/checked.ts';
import type { Grouping } from '../plan/grouping.ts';
import type { Plan } from '../plan/plan.ts';
import { typeName } from '../plan/sql-type.ts';
import type { Source } from '../syntax/source-position.ts';
import { codeOf, SqlMistake } from '../syntax/source-position.ts';
import { isDistinctOn } from './first-row.ts';

/** Throws for what cannot be kept in a table while events come, and names the way round. */
export function rejectInTable(source: Source, select: SelectStmt): void {
  const refuse = (word: RegExp, problem: string, hint: string): never => {
    // The last one: an aggregate may have an ORDER BY of its own.
    const offset = [...codeOf(source).matchAll(word)].at(-1)?.index ?? 0;
    throw new SqlMistake('unsupported', { source, offset, problem, hint });
  };
  if ((select.distinctClause ?? []).length > 0 && !isDistinctOn(select))
    refuse(
      /\bdistinct\b/gi,
      'SELECT DISTINCT makes no table',
      'write GROUP BY with the same columns, or SELECT DISTINCT ON (key) … ORDER BY key, time DESC',
    );
  if ((select.sortClause ?? []).length > 0 && !isDistinctOn(select))
    refuse(
      /\border\s+by\b/gi,
      'ORDER BY is not supported in a table: its rows have no order',
      'sort when you read it: SELECT … FROM <table> ORDER BY …',
    );
  if (select.limitCount !== undefined || select.limitOffset !== undefined)
    refuse(
      /\b(?:limit|offset|fetch)\b/gi,
      'LIMIT and OFFSET are not supported in a table: each event could change which rows they leave',
      'limit when you read it, as in SELECT … FROM <table> ORDER BY … LIMIT 10, or keep the greatest values with topk(x, 10)',
    );
}

/** Returns the mistake of a statement whose rows are events. */
export const noKey = (source: Source, offset: number): SqlMistake =>
  new SqlMistake('unsupported', {
    source,
    offset,
    problem: 'the table has no key: its rows would be events',
    hint: 'write GROUP BY, or SELECT DISTINCT ON (key) … ORDER BY key, time DESC for the latest row of each key',
  });

/** Returns the plan of a table, which has no order. Throws when its rows have no key, or one that it does not show. */
export function tablePlan(plan: Plan, at: number): Plan {
  const { source, grouping, outputs } = plan;
  if (grouping === undefined) throw noKey(source, at);
  if (grouping.keys.length === 0)
    throw new SqlMistake('unsupported', {
      source,
      offset: at,
      problem: 'the table has no key: without GROUP BY it is one row, which every shard would have to write',
      hint: 'group by columns that the key of the stream gives, and add the rows up when you read them',
    });
  requireWindowStart(plan, grouping);
  for (const { column, expression } of grouping.keys) {
    const { type, offset } = expression;
    if (type.kind !== 'scalar' || type.name === 'jsonb' || type.name === 'interval' || type.name === 'bytea')
      throw new SqlMistake('unsupported', {
        source,
        offset,
        problem: `a value of type ${typeName(type)} cannot be the key of a table`,
        hint: 'use texts, numbers, times or booleans: cast it, as in (…)::text',
      });
    if (!outputs.some((output) => isColumn(output.expression, column)))
      throw new SqlMistake('unsupported', {
        source,
        offset,
        problem: 'the SELECT list lacks this part of the key, so the rows of the table could not be told apart',
        hint: 'add it to the SELECT list',
      });
  }
  return { ...plan, grouping: { ...grouping, sortKeys: [] } };
}

/** Throws when the rows of a group's windows cannot be told apart. */
function requireWindowStart({ source, outputs }: Plan, { window }: Grouping): void {
  if (window === undefined || outputs.some(({ expression }) => isColumn(expression, window.start))) return;
  throw new SqlMistake('unsupported', {
    source,
    offset: outputs[0]?.expression.offset ?? 0,
    problem: 'the SELECT list has not window_start, so the windows of a group could not be told apart',
    hint: 'add window_start to the SELECT list',
  });
}

/** Returns the names of the columns that show the key of a table, in the order of the key. */
export function keyOf({ grouping, outputs }: Plan): readonly string[] {
  const columns = [
    ...(grouping?.keys ?? []).map(({ column }) => column),
    ...(grouping?.window === undefined ? [] : [grouping.window.start]),
  ];
  return columns.flatMap((column) => outputs.find(({ expression }) => isColumn(expression, column))?.name ?? []);
}

const isColumn = (expression: Checked, column: unknown): boolean =>
  expression.kind === 'column' && expression.column === column;

/** `sales-by-region.sql` → `sales_by_region`: the table that the file has to create. */
export const tableNamed = (file: string): string =>
  file
    .replace(/^.*\//, '')
    .replace(/\.sql$/, '')
    .replaceAll('-', '_');

/** Throws when a file in functions/tables does not create the table of its name. */
export function requireTableName(source: Source, target: { readonly name: string; readonly offset: number }): void {
  const expected = tableNamed(source.file);
  if (target.name === expected) return;
  const file = source.file.replace(/^.*\//, '');
  throw new SqlMistake('invalid', {
    source,
    offset: target.offset,
    problem: `CREATE TABLE names "${target.name}", but the file is ${file}`,
    hint: `write CREATE TABLE ${expected}, or rename the file`,
  });
}
