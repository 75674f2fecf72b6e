import { checkStatement } from '../../../infra/sql/check/statement.ts';
import type { Plan } from '../../../infra/sql/plan/plan.ts';
import { typeName } from '../../../infra/sql/plan/sql-type.ts';
import type { Comparison } from './comparison.ts';
import { fails } from './comparison.ts';
import { SqlMistake } from './compiled-expression.ts';
import { eventDifference } from './event-outcome.ts';
import type { Attempt, Oracle } from './oracle.ts';
import type { Made } from './run-event.ts';
import { eventRunner, linesOf, meaningOf, oddly } from './run-event.ts';
import { postgresTypeName } from './same-value.ts';
import type { TestStatement } from './statement-generator.ts';
import { aloneInPostgres, aloneText, partsOf, postgresText, statementText } from './statement-generator.ts';
import { quoteName } from './tables.ts';
import type { World } from './world.ts';
import { selected } from './world.ts';

/** Compares one statement on every event of its world. */
export async function compareStatement(oracle: Oracle, world: World, statement: TestStatement): Promise<Comparison> {
  const parts = partsOf(statement);
  const plan = await planOf(world, statementText(statement));
  const alone = await Promise.all(parts.map((part) => planOf(world, aloneText(statement, part))));
  const mistakes = [plan, ...alone].filter((one) => one instanceof SqlMistake);
  if (mistakes.some(({ kind }) => kind === 'unsupported')) return { unsupported: true, errors: 0 };
  const types = await typesInPostgres(oracle, postgresText(statement));
  const [mistake] = mistakes;
  if (typeof types === 'string')
    return mistake === undefined ? fails(`accepted here, Postgres: ${types}`) : { unsupported: false, errors: 1 };
  if (plan instanceof SqlMistake || mistake !== undefined) {
    const texts = [postgresText(statement), ...parts.map((part) => aloneInPostgres(statement, part))];
    const theirs = await oracle.attempt(world.events.flatMap((_, n) => [selected(n), ...texts.map(counted)]));
    const accepted = theirs.every(({ code }) => code === null);
    return accepted
      ? fails(`rejected here: ${mistake?.message}; Postgres takes it`)
      : { unsupported: false, errors: 1 };
  }
  const difference = typeDifference(plan, types) ?? wayDifference(plan, world.events);
  if (difference !== undefined) return fails(difference);
  return compareEvents(oracle, world, { statement, plan, types, alone: alone as readonly Plan[] });
}

async function planOf({ table }: World, text: string): Promise<Plan | SqlMistake> {
  try {
    return await checkStatement({ file: 'test.sql', text }, table);
  } catch (error) {
    if (error instanceof SqlMistake) return error;
    throw new Error(`compiling ${text}`, { cause: error });
  }
}

/** Returns the types that Postgres gives a statement, or why Postgres rejects it. PREPARE evaluates nothing. */
export async function typesInPostgres(oracle: Oracle, text: string): Promise<readonly string[] | string> {
  try {
    await oracle.client.query(`prepare checked as ${text}`);
  } catch (error) {
    return (error as Error).message;
  }
  const { rows } = await oracle.client.query<{ types: readonly string[] }>(
    `select result_types::text[] as types from pg_prepared_statements where name = 'checked'`,
  );
  await oracle.client.query('deallocate checked');
  return rows[0]?.types ?? [];
}

const counted = (query: string): string => `select count(q::text) from (${query}) q`;

function typeDifference({ outputs }: Plan, types: readonly string[]): string | undefined {
  const ours = outputs.map(({ expression }) => typeName(expression.type)).join();
  const theirs = types.slice(0, -2).map((type) => postgresTypeName(type).replace(/^(?:world\.)?record\d+/, 'record'));
  return ours === theirs.join() ? undefined : `types here: ${ours}, Postgres: ${theirs.join()}`;
}

/** Compares the three ways to process an event. Returns the difference; undefined if there is none. */
function wayDifference(plan: Plan, events: readonly string[]): string | undefined {
  const run = eventRunner(plan);
  const lines = readsAttributes(plan) ? undefined : linesOf(plan, events);
  for (const [n, event] of events.entries()) {
    const scanned = meaningOf(run(event));
    const parsed = meaningOf(run(oddly(event)));
    const asLine = lines === undefined ? scanned : meaningOf(lines[n]!);
    if (scanned !== parsed) return `scanned: ${scanned}, through JSON.parse: ${parsed}; event: ${event}`;
    if (scanned !== asLine) return `scanned: ${scanned}, as a line of a file: ${asLine}; event: ${event}`;
  }
  return undefined;
}

/** Tests whether a statement reads event attributes, which a line of a file does not have. */
const readsAttributes = (plan: Plan): boolean => /\bevent\./.test(plan.source.text);

interface Runnable {
  readonly statement: TestStatement;
  readonly plan: Plan;
  readonly types: readonly string[];
  readonly alone: readonly Plan[];
}

async function compareEvents(oracle: Oracle, { events }: World, runnable: Runnable): Promise<Comparison> {
  const { plan, alone } = runnable;
  const run = eventRunner(plan);
  const runAlone = alone.map(eventRunner);
  const made = events.map((event) => ({ whole: run(event), alone: runAlone.map((one) => one(event)) }));
  const theirs = await oracle.attempt(events.flatMap((_, n) => [selected(n), rowsOf(runnable)]));
  const back = await oracle.attempt(made.map(({ whole }) => readBack(runnable, whole)));
  const parts = await partsInPostgres(oracle, runnable.statement, events.length);
  let errors = 0;
  for (const [n, event] of events.entries()) {
    const outcome = { made: made[n]!, plan, alone, theirs: theirs[2 * n + 1]!, back: back[n]!, parts: parts[n]! };
    const difference = eventDifference(outcome);
    if (difference !== undefined) return fails(`${difference}; event: ${event}`);
    errors += outcome.theirs.code === null ? 0 : 1;
  }
  return { unsupported: false, errors };
}

/** Returns for each event whether each part fails alone. Evaluates parts one by one only if one of them fails. */
async function partsInPostgres(
  oracle: Oracle,
  statement: TestStatement,
  events: number,
): Promise<readonly (readonly Attempt[])[]> {
  const queries = partsOf(statement).map((part) => counted(aloneInPostgres(statement, part)));
  const [, ...all] = await oracle.attempt([selected('all'), ...queries]);
  const failing = queries.filter((_, i) => all[i]?.code !== null);
  const single = await oracle.attempt(Array.from({ length: events }, (_, n) => [selected(n), ...failing]).flat());
  return Array.from({ length: events }, (_, n) => {
    const [, ...own] = single.slice(n * (failing.length + 1), (n + 1) * (failing.length + 1));
    return queries.map((query, i) => own[failing.indexOf(query)] ?? all[i]!);
  });
}

/**
 * Builds the rows as text, after a flag: whether a row cannot be written as JSON or has a key or a time that no event
 * can have.
 */
function rowsOf({ statement, plan, types }: Runnable): string {
  const tests = plan.outputs.flatMap(({ name }, i) =>
    /^(?:numeric|double precision)/.test(types[i] ?? '')
      ? [`coalesce(v.${quoteName(name)}::text ~ 'NaN|Infinity', false)`]
      : [],
  );
  if (statement.partitionBy !== undefined) tests.push(`coalesce(length(v."#key") not between 1 and 256, true)`);
  if (statement.timestampBy !== undefined)
    tests.push(`coalesce(v."#time" < '0001-01-01' or v."#time" >= '10000-01-01', true)`);
  const unwritable = tests.length === 0 ? 'false' : tests.join(' or ');
  // JSON has one null: a jsonb null and no value at all are written alike.
  const values = namesOf(plan).map((name, i) =>
    types[i] === 'jsonb' ? `nullif(v.${quoteName(name)}, 'null')` : `v.${quoteName(name)}`,
  );
  const row = `row(${values.join(', ')})::text`;
  return `select coalesce(bool_or(${unwritable}), false)::text || ':' || coalesce(string_agg(${row}, E'\\x1e'), '') from (${postgresText(statement)}) v`;
}

/** The names of all columns of `postgresText`. */
const namesOf = ({ outputs }: Plan): readonly string[] => [...outputs.map(({ name }) => name), '#key', '#time'];

/** Lets Postgres read the outputs written here into columns of the same types. */
function readBack({ plan, types }: Runnable, { outputs }: Made): string {
  const rows = outputs.map(({ json, key = null, time = null }) => {
    return `${json.slice(0, -1)},"#key":${JSON.stringify(key)},"#time":${JSON.stringify(time)}}`;
  });
  const columns = namesOf(plan).map((name, i) => `${quoteName(name)} ${types[i]}`);
  const text = `[${rows.join(',')}]`.replaceAll("'", "''");
  return `select coalesce(string_agg(r::text, E'\\x1e'), '') from json_to_recordset('${text}') as r(${columns.join(', ')})`;
}
