import pg from 'pg';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Table } from '../../../functions/runtime/table.ts';
import { columnsOfTable } from '../../../functions/table-state/columns.ts';
import { placesOf } from '../../../functions/table-state/places.ts';
import type { TablePlan } from '../../pipelines/plan.ts';
import { type RefoldedRow, refold } from './refold.ts';
import { keyMatcher, type RowKey, rowKeyOf } from './row-key.ts';
import type { Verdict } from './run-again.ts';
import type { MadeOf, Tracing } from './tracing.ts';
import { madeOf } from './why-change.ts';

/** Why a row of a table is as it is. */
export interface TableRowReason {
  readonly key: RowKey;
  readonly madeOf: MadeOf;
  /** True: the last of the events has deleted the row. */
  readonly isDeleted: boolean;
  /** Whether the events make the row that the table shows. */
  readonly verdict: Verdict;
}

/**
 * Finds the events that a row of a table is made of: reads the table's whole input, makes the row again, and compares
 * it with the one that the table shows. `words` are the values of the key's columns, as for a sink.
 */
export async function whyTableRow(
  step: TablePlan,
  words: readonly string[],
  tracing: Tracing,
): Promise<TableRowReason> {
  const table = tracing.find.tables(step.pipeline)[step.name]?.keep;
  if (table === undefined) throw new UserMistake(`the step '${step.name}' has no code in this repository`);
  if (table.within !== undefined)
    throw new UserMistake(
      `the rows of '${step.name}' are events that wait for others: follow what they became, in the stream that the join writes`,
    );
  const key = rowKeyOf({ name: step.name, key: table.key }, words);
  const missing = table.key.find((column) => key[column] === undefined);
  if (missing !== undefined)
    throw new UserMistake(`a row of '${step.name}' has the key ${table.key.join(', ')}: give ${missing} too`);
  const isMatch = matcherOf(key);
  // A session that begins later may become a part of the one that is asked for.
  const { window_start: _, ...without } = key;
  const isWanted = table.sessions === undefined ? isMatch : matcherOf(without);
  const rows = await refold({ step, table, isWanted, seen: () => false }, tracing);
  const found =
    rows.find(({ stored }) => stored?.row !== undefined && isMatch(stored.row)) ??
    rows.find(({ stored }) => stored === undefined && table.sessions === undefined);
  return {
    key,
    madeOf: await madeOf(found ?? { count: 0, last: [] }, step, tracing),
    isDeleted: found !== undefined && found.stored === undefined,
    verdict: await compareShown(step, { table, key, found }, tracing),
  };
}

function matcherOf(key: RowKey): (row: string) => boolean {
  const isMatch = keyMatcher(key);
  return (row) => isMatch(JSON.parse(row));
}

async function compareShown(
  { pipeline, name }: TablePlan,
  { table, key, found }: { readonly table: Table; readonly key: RowKey; readonly found: RefoldedRow | undefined },
  { target, signal }: Tracing,
): Promise<Verdict> {
  const row = found?.stored?.row;
  const columns = columnsOfTable(table as Table<never>).map(({ name: column, type }) => `${quoted(column)} ${type}`);
  const conditions = Object.entries(key).map(([column, value]) => `t.${quoted(column)} = ${pg.escapeLiteral(value)}`);
  const statement = `SELECT coalesce(to_jsonb(t) = to_jsonb(r), false) AS same FROM ${placesOf(`${pipeline}/${name}`).view} t
    LEFT JOIN json_to_record(${row === undefined ? 'NULL' : pg.escapeLiteral(row)}::json) AS r (${columns.join(', ')}) ON true
    WHERE ${conditions.join(' AND ')}`;
  const question = { schema: pipeline, statement, mostRows: 2, mostMillis: 10_000 };
  const reply = await target.ask(question, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    return { refusal: { message: (error as Error).message, code: '' } };
  });
  if ('refusal' in reply) {
    if (reply.refusal.code.startsWith('22') || reply.refusal.code === '42703')
      throw new UserMistake(`${name}: ${reply.refusal.message}`);
    return { is: 'unknown', why: `the table cannot be read (${reply.refusal.message})` };
  }
  const isShown = reply.rows.length > 0;
  if (!isShown && row === undefined) return { is: 'same' };
  if (!isShown) return { is: 'different', why: 'the table shows no such row' };
  if (reply.rows[0]?.[0] === 't') return { is: 'same' };
  return {
    is: 'different',
    why: `the events that the log holds make ${row === undefined ? 'no such row' : 'another row'}, with the code of this repository`,
  };
}

const quoted = (name: string): string => pg.escapeIdentifier(name);
