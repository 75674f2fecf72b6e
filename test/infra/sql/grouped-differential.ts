import type { GroupedStatement, SavedStates } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import { loadStates, saveStates } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import { checkStatement } from '../../../infra/sql/check/statement.ts';
import { groupedStatementOf } from '../../../infra/sql/emit/statement-of.ts';
import type { Plan } from '../../../infra/sql/plan/plan.ts';
import { typeName } from '../../../infra/sql/plan/sql-type.ts';
import type { Groups } from '../../../infra/sql/run/groups.ts';
import { startGroups } from '../../../infra/sql/run/groups.ts';
import type { Comparison, Difference, Report, Wanted } from './comparison.ts';
import { fails, inBatches, shrunk } from './comparison.ts';
import { SqlMistake } from './compiled-expression.ts';
import { nullDifference } from './event-outcome.ts';
import type { GroupedTest } from './grouped-generator.ts';
import { groupedText, randomGrouped, simplerGrouped } from './grouped-generator.ts';
import type { Attempt, Oracle } from './oracle.ts';
import { seeded } from './random.ts';
import { postgresTypeName } from './same-value.ts';
import { typesInPostgres } from './statement-comparison.ts';
import { eventText, quoteName, randomEvent, randomTable } from './tables.ts';
import type { World } from './world.ts';
import { columnsText, loadWorld, selected } from './world.ts';

const STATEMENTS = 10;
const EVENTS = 24;
const VALUES = 4;

/**
 * Random statements with groups over random streams of few values, here and in Postgres. Here they run twice: with the
 * states in memory, and with every state written to its columns and read back after each row.
 */
export function compareGrouped(oracle: Oracle, wanted: Wanted): Promise<Report> {
  return inBatches(wanted, STATEMENTS, async (done, count) => {
    const random = seeded(wanted.seed * 1_000_003 + done);
    const table = randomTable(random);
    const bases = Array.from({ length: VALUES }, () => new Map(randomEvent(random, table)));
    const events = Array.from({ length: random.below(EVENTS) }, () => {
      const fields = table.columns.flatMap(({ name }) => {
        const json = random.pick(bases).get(name);
        return json === undefined ? [] : [[name, json] as const];
      });
      return eventText(random, fields);
    });
    const world = { table, events };
    await loadWorld(oracle, world);
    // With a sort, the rows of a group and its key come in no particular order.
    await oracle.client.query('set enable_presorted_aggregate = off; set enable_sort = off');
    await oracle.attempt([selected('all')]);
    const tests = Array.from({ length: count }, () => randomGrouped(random, table));
    return {
      comparisons: await compareAll(oracle, world, tests),
      shrink: (i) => shrink(oracle, world, tests[i]!),
    };
  });
}

async function compareAll(oracle: Oracle, world: World, tests: readonly GroupedTest[]): Promise<readonly Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const test of tests) comparisons.push(await compareOne(oracle, world, test));
  return comparisons;
}

async function shrink(oracle: Oracle, world: World, failing: GroupedTest): Promise<Difference> {
  const { smallest, detail } = await shrunk(
    failing,
    { rounds: 20 },
    { simpler: simplerGrouped, compareAll: (tests) => compareAll(oracle, world, tests) },
  );
  return { sql: [groupedText(smallest), columnsText(world), ...world.events].join('\n  '), detail };
}

async function compareOne(oracle: Oracle, world: World, test: GroupedTest): Promise<Comparison> {
  if (test.outputs.length === 0) return { unsupported: false, errors: 0 };
  const text = groupedText(test);
  const plan = await planOf(world, text);
  if (plan instanceof SqlMistake && plan.kind === 'unsupported') return { unsupported: true, errors: 0 };
  // Without a part it may have no groups.
  if (!(plan instanceof SqlMistake) && plan.grouping === undefined) return { unsupported: true, errors: 0 };
  const types = await typesInPostgres(oracle, text);
  if (typeof types === 'string')
    return plan instanceof SqlMistake ? { unsupported: false, errors: 1 } : fails(`accepted here, Postgres: ${types}`);
  const [theirs] = await oracle.attempt([rowsOf(test, types)]);
  if (plan instanceof SqlMistake)
    return theirs!.code === null ? fails(`rejected here: ${plan.message}`) : { unsupported: false, errors: 1 };
  const names = plan.outputs.map(({ expression }) => typeName(expression.type)).join();
  const theirNames = types.map(postgresTypeName).join();
  if (names !== theirNames) return fails(`types here: ${names}, Postgres: ${theirNames}`);
  return compareOutputs(oracle, { test, plan, types, theirs: theirs! }, world.events);
}

interface Runnable {
  readonly test: GroupedTest;
  readonly plan: Plan;
  readonly types: readonly string[];
  readonly theirs: Attempt;
}

async function compareOutputs(
  oracle: Oracle,
  { test, plan, types, theirs }: Runnable,
  events: readonly string[],
): Promise<Comparison> {
  const inMemory = run(startGroups(plan), events);
  const stored = run(startGroups(plan, storing(plan)), events);
  if (JSON.stringify(inMemory) !== JSON.stringify(stored))
    return fails(`in memory: ${JSON.stringify(inMemory)}, stored: ${JSON.stringify(stored)}`);
  const failures = inMemory.failures.filter((failure) => !failure.includes('SQLSTATE 0A000'));
  if (failures.length < inMemory.failures.length) return { unsupported: true, errors: 0 };
  if (failures.some((failure) => failure.includes('has no JSON number'))) return { unsupported: false, errors: 0 };
  if (theirs.code !== null || failures.length > 0) {
    const agree = (theirs.code !== null) === failures.length > 0;
    return agree || !test.isPlain
      ? { unsupported: false, errors: 1 }
      : fails(`here: ${failures.join('; ')}, Postgres: ${theirs.message ?? theirs.value}`);
  }
  const [back] = await oracle.attempt([readBack(plan, types, inMemory.outputs)]);
  const lines = (rows: string | null): string => {
    const all = (rows ?? '').split('\x1e');
    return (test.orderBy.length > 0 ? all : all.sort()).join('\n');
  };
  if (back!.value === null || lines(back!.value) !== lines(theirs.value))
    return fails(`here: ${back!.message ?? lines(back!.value)}, Postgres: ${lines(theirs.value)}`);
  const made = {
    outputs: inMemory.outputs.map((json) => ({ json, key: undefined, time: undefined })),
    rejected: undefined,
  };
  const wrong = nullDifference(plan, made);
  return wrong === undefined ? { unsupported: false, errors: 0 } : fails(wrong);
}

async function planOf({ table }: World, text: string): Promise<Plan | SqlMistake> {
  try {
    return await checkStatement({ file: 'test.sql', text }, { ...table, ofFiles: true });
  } catch (error) {
    if (error instanceof SqlMistake) return error;
    throw new Error(`compiling ${text}`, { cause: error });
  }
}

interface Made {
  readonly outputs: readonly string[];
  readonly failures: readonly string[];
}

function run(groups: Groups, events: readonly string[]): Made {
  const { rejections } = groups.add(Buffer.from(events.map((event) => `${event}\n`).join('')));
  const failures = rejections.map(({ reason }) => reason);
  const parts = [...groups.outputs((reason) => failures.push(reason))];
  return { outputs: Buffer.concat(parts).toString('utf8').split('\n').slice(0, -1), failures };
}

/** The statement whose states are written to text and read back after each row, as a table keeps them. */
function storing(plan: Plan): GroupedStatement {
  const statement = groupedStatementOf(plan);
  const stored = (states: readonly unknown[]): readonly unknown[] =>
    loadStates(statement, JSON.parse(JSON.stringify(saveStates(statement, states))) as SavedStates);
  return {
    ...statement,
    addTo: undefined,
    add: (states, inputs, place) => stored(statement.add(states, inputs, place)),
  };
}

/** JSON has one null: a jsonb null and no value at all are written alike. */
function rowsOf(test: GroupedTest, types: readonly string[]): string {
  const values = types.map((type, i) => (type === 'jsonb' ? `nullif(v.x${i}, 'null')` : `v.x${i}`));
  return `select coalesce(string_agg(row(${values.join(', ')})::text, E'\\x1e'), '') from (${groupedText(test)}) v`;
}

function readBack({ outputs }: Plan, types: readonly string[], made: readonly string[]): string {
  const columns = outputs.map(({ name }, i) => `${quoteName(name)} ${types[i]}`);
  const text = `[${made.join(',')}]`.replaceAll("'", "''");
  return `select coalesce(string_agg(r::text, E'\\x1e'), '') from json_to_recordset('${text}') as r(${columns.join(', ')})`;
}
