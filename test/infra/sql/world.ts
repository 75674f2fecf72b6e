import { typeName } from '../../../infra/sql/plan/sql-type.ts';
import type { Oracle } from './oracle.ts';
import type { Random } from './random.ts';
import { ATTRIBUTES } from './run-event.ts';
import type { TestTable } from './tables.ts';
import { eventText, quoteName, randomEvent, randomTable, typeDefinitions } from './tables.ts';

export const EVENTS = 4;

/** A stream and some of its events. */
export interface World {
  readonly table: TestTable;
  readonly events: readonly string[];
}

/** Shows the stream's columns beside a statement. */
export function columnsText({ table }: World): string {
  const columns = table.columns.map(
    ({ name, type, nullable }) => `${name} ${typeName(type)}${nullable ? '' : ' not null'}`,
  );
  return `of ${columns.join(', ')}`;
}

/** Makes a world of a few random events. */
export async function makeWorld(oracle: Oracle, random: Random): Promise<World> {
  const table = randomTable(random);
  const world = { table, events: Array.from({ length: EVENTS }, () => eventText(random, randomEvent(random, table))) };
  await loadWorld(oracle, world);
  return world;
}

/**
 * Loads a world into Postgres, where `FROM stream` and `event.key` then mean the event whose number is the setting
 * `test.n`, or all.
 */
export async function loadWorld(oracle: Oracle, { table, events }: World): Promise<void> {
  const attributes = Object.entries(ATTRIBUTES).map(
    ([name, value]) => `'${value}'::${name === 'time' ? 'timestamptz' : 'text'} as "${name}"`,
  );
  await oracle.client.query(
    [
      'drop schema if exists world cascade; create schema world; set search_path to world, public',
      ...typeDefinitions(table),
      'create table events (n int, data row_type)',
      // A table, because the planner would compute with a view's constants.
      `create table event as select ${attributes.join(', ')}`,
      `create view stream as select ${table.columns.map(({ name }) => `(data).${quoteName(name)}`).join(', ')} from events where current_setting('test.n') in ('all', n::text) offset 0`,
    ].join(';\n'),
  );
  for (const [n, event] of events.entries())
    await oracle.client.query('insert into events values ($1, json_populate_record(null::row_type, $2::json))', [
      n,
      event,
    ]);
}

/** The query that chooses the event. */
export const selected = (n: number | 'all'): string => `select set_config('test.n', '${n}', false)`;
