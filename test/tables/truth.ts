import { typeName } from '../../infra/sql/plan/sql-type.ts';
import type { Oracle } from '../infra/sql/oracle.ts';
import { type Asking, type Compared, timestamp } from './asking.ts';
import { type LogTime, logTime } from './log-time.ts';
import { selectText } from './query.ts';
import { COLUMNS, KEYS } from './stream.ts';
import { differenceOfWindows, shownWindows } from './windowed-truth.ts';

const FACTS = `seq int, commit_no int, rejected boolean, key text, "time" timestamptz, watermark timestamptz, type text, ${COLUMNS}`;

/** Makes what the queries need in Postgres: a table for the events, and ksqlDB's histogram. */
export async function prepareTruth({ client }: Oracle): Promise<void> {
  await client.query(`
    set enable_sort = off; set enable_presorted_aggregate = off; set jit = off;
    create temp table facts (${FACTS});
    create or replace function histogram_add(counts jsonb, value text) returns jsonb language sql immutable as
      $$ select case when value is null then counts else coalesce(counts, '{}') ||
           jsonb_build_object(value, coalesce((counts ->> value)::bigint, 0) + 1) end $$;
    create or replace aggregate histogram(text) (sfunc = histogram_add, stype = jsonb)`);
}

/** Compares what a table step showed with Postgres's own answer at every commit. Resolves to the first difference. */
export async function differenceOf(oracle: Oracle, compared: Compared): Promise<string | undefined> {
  const { query, given, log, played } = compared;
  const processed = played.commits.flatMap(({ events }) => events);
  // Faults may kill three processes in a row with one event: it is then a dead letter of no commit's events.
  const isLeftOut = (id: string): boolean => played.rejected.get(id) === 'killed';
  const missing = given.filter(({ id }) => !processed.includes(id) && !isLeftOut(id)).map(({ id }) => id);
  if (missing.length > 0) return `no commit has the events ${missing.join(', ')}`;
  if (new Set(processed).size < processed.length) return `an event is in two commits: ${processed.join(', ')}`;
  const asking = { ...askingOf(compared), time: logTime(log, KEYS), processed };
  await loadFacts(oracle, compared, asking.time);
  const bounds = query.window && shownWindows(query.window, played.commits, asking.time);
  const statements = played.commits.map(({ rows }, i): readonly [string, string, string] => {
    const chosen = `not rejected and commit_no <= ${i}`;
    const { least, most } = bounds?.[i] ?? {};
    return [
      asking.ours(rows),
      asking.theirs(chosen, least),
      least === most ? "select ''" : asking.theirs(chosen, most),
    ];
  });
  const answers = await oracle.attempt(statements.flat());
  for (const [i, { events }] of played.commits.entries()) {
    const [here, least, most] = answers.slice(3 * i, 3 * i + 3);
    const isExact = bounds === undefined || bounds[i]?.least === bounds[i]?.most;
    const isSame = isExact ? here?.value === least?.value : isBetween(here?.value, least?.value, most?.value);
    if (isSame && here?.code === null) continue;
    const shown = (answer: typeof here): string => answer?.value ?? answer?.message ?? '';
    const there = isExact ? shown(least) : `${shown(least)}\nand at most:\n${shown(most)}`;
    return `after commit ${i} (${events.join(', ')})\nhere:\n${shown(here)}\nPostgres:\n${there}`;
  }
  return (
    (await wronglyRejected(oracle, compared, asking)) ??
    (query.window && (await differenceOfWindows(oracle, { ...compared, window: query.window }, asking)))
  );
}

/** Tells whether a table has all rows of one answer, and none that another one has not. */
function isBetween(here: string | null = '', least: string | null = '', most: string | null = ''): boolean {
  const [rows, wanted, allowed] = [here, least, most].map((text) =>
    text === null || text === '' ? [] : text.split('\n'),
  );
  return (wanted ?? []).every((row) => rows?.includes(row)) && (rows ?? []).every((row) => allowed?.includes(row));
}

function askingOf({ query, compiled }: Compared): Pick<Asking, 'theirs' | 'ours'> {
  const columns = compiled.plan.outputs.map(({ name, expression }) => `${name} ${typeName(expression.type)}`);
  const names = compiled.plan.outputs.map(({ name, expression }) =>
    typeName(expression.type) === 'jsonb' ? `nullif(v.${name}, 'null')` : `v.${name}`,
  );
  const asText = (from: string): string =>
    `select coalesce(string_agg(r, E'\\n' order by r), '') from (select row(${names.join(', ')})::text r from ${from}) x`;
  return {
    theirs: (chosen, shown) =>
      asText(`(with s as (select * from facts where ${chosen}) ${selectText(query, 'theirs', shown)}) v`),
    ours: (rows) => asText(`json_to_recordset('[${rows.join(',').replaceAll("'", "''")}]') v(${columns.join(', ')})`),
  };
}

async function loadFacts({ client }: Oracle, { given, played }: Compared, time: LogTime): Promise<void> {
  const rows = played.commits.flatMap(({ events }, commit_no) =>
    events.map((id) => {
      const { type, time: happened, data } = given[Number(id.slice('given-'.length))] ?? { type: '', data: {} };
      const watermark = timestamp(time.at(id).watermark);
      const key = (data as { k?: string }).k;
      return { commit_no, rejected: played.rejected.has(id), key, time: happened, watermark, type, ...data };
    }),
  );
  const numbered = rows.map((row, seq) => ({ ...row, seq }));
  const onTime = numbered.flatMap((row) =>
    row.rejected ? { ...row, seq: onTimeAt(row.seq), watermark: '-infinity' } : [],
  );
  await client.query('truncate facts');
  await client.query(`insert into facts select * from json_to_recordset($1) as r(${FACTS}) order by seq`, [
    JSON.stringify([...numbered, ...onTime]),
  ]);
}

/** Where the facts have a rejected event once more, as if it were on time. */
const onTimeAt = (seq: number): number => -1 - seq;

/** So many events that were rejected are tried in Postgres. */
const TRIED = 8;

/**
 * Each event that was rejected makes the query fail over the events before it, or alone: it is read before anybody
 * knows whether it is late.
 */
async function wronglyRejected(
  oracle: Oracle,
  { played }: Compared,
  { theirs, processed }: Asking,
): Promise<string | undefined> {
  // Postgres takes the year 9999.
  const isTried = (id: string): boolean => (played.rejected.get(id) ?? 'future') !== 'future';
  const tried = processed.flatMap((id, seq) => (isTried(id) ? [{ id, seq }] : [])).slice(0, TRIED);
  const answers = await oracle.attempt(
    tried.flatMap(({ seq }) => [
      theirs(`(not rejected and seq < ${seq}) or seq = ${seq}`),
      theirs(`seq = ${onTimeAt(seq)}`),
    ]),
  );
  const wrong = tried.findIndex((_, i) => answers[2 * i]?.code === null && answers[2 * i + 1]?.code === null);
  return wrong === -1 ? undefined : `${tried[wrong]?.id} was rejected here, and Postgres takes it`;
}
