import { typeName } from '../../infra/sql/plan/sql-type.ts';
import type { Oracle } from '../infra/sql/oracle.ts';
import type { CompiledTable } from './compiled.ts';
import type { Played, PlayedTable } from './play.ts';
import { selectText, type TableQuery } from './query.ts';
import { COLUMNS } from './stream.ts';

/** Makes what the queries need in Postgres: a table for the events, and ksqlDB's histogram. */
export async function prepareTruth({ client }: Oracle): Promise<void> {
  await client.query(`
    set enable_sort = off; set enable_presorted_aggregate = off; set jit = off;
    create temp table facts (seq int, commit_no int, rejected boolean, key text, "time" timestamptz, type text, ${COLUMNS});
    create or replace function histogram_add(counts jsonb, value text) returns jsonb language sql immutable as
      $$ select case when value is null then counts else coalesce(counts, '{}') ||
           jsonb_build_object(value, coalesce((counts ->> value)::bigint, 0) + 1) end $$;
    create or replace aggregate histogram(text) (sfunc = histogram_add, stype = jsonb)`);
}

/** Compares what a table step showed with Postgres's own answer at every commit. Resolves to the first difference. */
export async function differenceOf(
  oracle: Oracle,
  { query, compiled, given, played }: Compared,
): Promise<string | undefined> {
  const processed = played.commits.flatMap(({ events }) => events);
  const missing = given.filter(({ id }) => !processed.includes(id)).map(({ id }) => id);
  if (missing.length > 0) return `no commit has the events ${missing.join(', ')}`;
  if (new Set(processed).size < processed.length) return `an event is in two commits: ${processed.join(', ')}`;
  await loadFacts(oracle, given, played);
  const columns = compiled.plan.outputs.map(({ name, expression }) => `${name} ${typeName(expression.type)}`);
  const names = compiled.plan.outputs.map(({ name, expression }) =>
    typeName(expression.type) === 'jsonb' ? `nullif(v.${name}, 'null')` : `v.${name}`,
  );
  const asText = (from: string): string =>
    `select coalesce(string_agg(r, E'\\n' order by r), '') from (select row(${names.join(', ')})::text r from ${from}) x`;
  const theirs = (chosen: string): string =>
    asText(`(with s as (select * from facts where ${chosen}) ${selectText(query, 'theirs')}) v`);
  const ours = (rows: readonly string[]): string =>
    asText(`json_to_recordset('[${rows.join(',').replaceAll("'", "''")}]') v(${columns.join(', ')})`);
  const statements = played.commits.flatMap(({ rows }, i) => [
    ours(rows),
    theirs(`not rejected and commit_no <= ${i}`),
  ]);
  const answers = await oracle.attempt(statements);
  for (const [i, { events }] of played.commits.entries()) {
    const [here, there] = [answers[2 * i], answers[2 * i + 1]];
    if (here?.value === there?.value && here?.code === null) continue;
    const shown = (answer: typeof here): string => answer?.value ?? answer?.message ?? '';
    return `after commit ${i} (${events.join(', ')})\nhere:\n${shown(here)}\nPostgres:\n${shown(there)}`;
  }
  return wronglyRejected(oracle, processed, { played, theirs });
}

export interface Compared {
  readonly query: TableQuery;
  readonly compiled: CompiledTable;
  readonly given: Played['given'];
  readonly played: PlayedTable;
}

async function loadFacts({ client }: Oracle, given: Played['given'], played: PlayedTable): Promise<void> {
  const rows = played.commits.flatMap(({ events }, commit_no) =>
    events.map((id) => {
      const { type, time, data } = given[Number(id.slice('given-'.length))] ?? { type: '', time: '', data: {} };
      return { commit_no, rejected: played.rejected.has(id), key: (data as { k?: string }).k, time, type, ...data };
    }),
  );
  const numbered = rows.map((row, seq) => ({ seq, ...row }));
  const columns = `seq int, commit_no int, rejected boolean, key text, "time" timestamptz, type text, ${COLUMNS}`;
  await client.query('truncate facts');
  await client.query(`insert into facts select * from json_to_recordset($1) as r(${columns}) order by seq`, [
    JSON.stringify(numbered),
  ]);
}

/** So many events that were rejected are tried in Postgres. */
const TRIED = 8;

/** Each event that was rejected makes the query fail over the events before it. */
async function wronglyRejected(
  oracle: Oracle,
  processed: readonly string[],
  { played, theirs }: { readonly played: PlayedTable; readonly theirs: (chosen: string) => string },
): Promise<string | undefined> {
  const tried = processed.flatMap((id, seq) => (played.rejected.has(id) ? [{ id, seq }] : [])).slice(0, TRIED);
  const answers = await oracle.attempt(
    tried.map(({ seq }) => theirs(`(not rejected and seq < ${seq}) or seq = ${seq}`)),
  );
  const wrong = answers.findIndex(({ code }) => code === null);
  return wrong === -1 ? undefined : `${tried[wrong]?.id} was rejected here, and Postgres takes it`;
}
