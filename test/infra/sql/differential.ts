import { parseArgs } from 'node:util';
import type { CompiledExpression, Outcome, TestRow } from './compiled-expression.ts';
import { compileExpression, SqlMistake } from './compiled-expression.ts';
import type { Generated } from './generator.ts';
import { approximate, COLUMNS, expression, randomRow, sqlOf, tableDefinition } from './generator.ts';
import type { Attempt, Oracle } from './oracle.ts';
import { startOracle } from './oracle.ts';
import type { Random } from './random.ts';
import { seeded } from './random.ts';
import { postgresTypeName, sameOutcome } from './same-value.ts';

/**
 * Random expressions over random rows, here and in Postgres: values, nulls, types and errors must be the same.
 * `node test/infra/sql/differential.ts --cases 200000 [--seed n]` runs many.
 */
export interface Difference {
  readonly sql: string;
  readonly detail: string;
}

export interface Report {
  readonly cases: number;
  readonly refused: number;
  readonly errors: number;
  readonly differences: readonly Difference[];
}

const ROWS = 5;
const BATCH = 100;
const RESULTS = [
  'boolean',
  'integer',
  'bigint',
  'double precision',
  'numeric',
  'text',
  'date',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'jsonb',
  'bytea',
  'integer[]',
  'text[]',
  'numeric[]',
];

export async function compareWithPostgres(
  oracle: Oracle,
  { cases, seed, report }: { cases: number; seed: number; report?: (done: number) => void },
): Promise<Report> {
  const totals = { cases: 0, refused: 0, errors: 0, differences: [] as Difference[] };
  for (let done = 0; done < cases; done += BATCH) {
    const random = seeded(seed * 1_000_003 + done);
    const rows = await fillTable(oracle, random);
    const expressions = Array.from({ length: Math.min(BATCH, cases - done) }, () => randomExpression(random));
    const results = await compareAll(oracle, rows, expressions.map(sqlOf));
    for (const [i, result] of results.entries()) {
      totals.cases += 1;
      totals.refused += result.refused ? 1 : 0;
      totals.errors += result.errors;
      if (result.difference !== undefined) totals.differences.push(await shrink(oracle, rows, expressions[i]!));
    }
    report?.(done + expressions.length);
    if (totals.differences.length > 20) break;
  }
  return totals;
}

const randomExpression = (random: Random): Generated =>
  random.chance(0.04) ? approximate(random, 1) : expression(random, random.pick(RESULTS), 1 + random.below(4));

async function fillTable(oracle: Oracle, random: Random): Promise<readonly TestRow[]> {
  const rows = Array.from({ length: ROWS }, () => randomRow(random));
  await oracle.client.query('drop table if exists t');
  await oracle.client.query(tableDefinition('t'));
  for (const [i, row] of rows.entries()) {
    const places = row.map((_, j) => `$${j + 2}`).join(', ');
    await oracle.client.query(`insert into t values ($1, ${places})`, [i, ...row]);
  }
  return rows;
}

interface Comparison {
  readonly difference?: string;
  readonly refused: boolean;
  readonly errors: number;
}

async function compareAll(
  oracle: Oracle,
  rows: readonly TestRow[],
  expressions: readonly string[],
): Promise<readonly Comparison[]> {
  const statements = expressions.flatMap((sql) => [
    `select pg_typeof((select ${sql} from t limit 0))`,
    ...rows.map((_, i) => `select (${sql})::text from t where id = ${i}`),
  ]);
  const attempts = await oracle.attempt(statements);
  const comparisons: Comparison[] = [];
  for (const [i, sql] of expressions.entries()) {
    const [type, ...values] = attempts.slice(i * (rows.length + 1), (i + 1) * (rows.length + 1));
    comparisons.push(await compareOne({ sql, rows, type: type!, values }));
  }
  return comparisons;
}

interface Case {
  readonly sql: string;
  readonly rows: readonly TestRow[];
  readonly type: Attempt;
  readonly values: readonly Attempt[];
}

async function compareOne({ sql, rows, type, values }: Case): Promise<Comparison> {
  let compiled: CompiledExpression;
  try {
    compiled = await compileExpression(sql, COLUMNS);
  } catch (error) {
    if (!(error instanceof SqlMistake)) throw new Error(`compiling ${sql}`, { cause: error });
    if (error.kind === 'unsupported') return { refused: true, errors: 0 };
    const accepted = values.find((value) => value.code === null);
    return accepted === undefined
      ? { refused: false, errors: 1 }
      : { refused: false, errors: 0, difference: `refused here: ${error.message}; Postgres: ${accepted.value}` };
  }
  if (type.code === null && postgresTypeName(type.value ?? '') !== compiled.type)
    return { refused: false, errors: 0, difference: `type here: ${compiled.type}, Postgres: ${type.value}` };
  return compareRows(compiled, rows, values);
}

function compareRows(compiled: CompiledExpression, rows: readonly TestRow[], values: readonly Attempt[]): Comparison {
  let errors = 0;
  for (const [i, row] of rows.entries()) {
    const ours = evaluate(compiled, row);
    const theirs = values[i]!;
    // What is refused at run time with its reason (0A000) is not an answer.
    if (ours.error?.startsWith('0A000') === true) continue;
    errors += ours.error === undefined ? 0 : 1;
    const nullGiven = ours.value === null && !compiled.nullable;
    if (sameOutcome(ours, theirs, compiled.type) && !nullGiven) continue;
    const used = row.map((value, j) => `c${j}=${JSON.stringify(value)}`).join(' ');
    return {
      refused: false,
      errors,
      difference: `here: ${nullGiven ? 'null, declared not null' : JSON.stringify(ours)}, Postgres: ${JSON.stringify(theirs.code === null ? theirs.value : theirs.message)}; row: ${used}`,
    };
  }
  return { refused: false, errors };
}

function evaluate(compiled: CompiledExpression, row: TestRow): Outcome {
  try {
    return compiled.evaluate(row);
  } catch (error) {
    return { error: `crash: ${(error as Error).message}`, value: 'crash' };
  }
}

/** Takes parts away while the difference stays. */
async function shrink(oracle: Oracle, rows: readonly TestRow[], failing: Generated): Promise<Difference> {
  let current = failing;
  for (let round = 0; round < 40; round += 1) {
    const smaller = simpler(current);
    const results = await compareAll(oracle, rows, smaller.map(sqlOf));
    const next = results.findIndex((result) => result.difference !== undefined);
    if (next === -1) break;
    current = smaller[next]!;
  }
  const [result] = await compareAll(oracle, rows, [sqlOf(current)]);
  return { sql: sqlOf(current), detail: result?.difference ?? 'does not fail alone' };
}

function simpler(expression: Generated): readonly Generated[] {
  const inside = descendants(expression);
  const replaced = expression.parts.flatMap((part, i) =>
    [...descendants(part).filter(({ type }) => type === part.type), ...simpler(part)].map((smaller) => ({
      ...expression,
      parts: expression.parts.map((old, j) => (j === i ? smaller : old)),
    })),
  );
  return [...inside, ...replaced].sort((a, b) => sqlOf(a).length - sqlOf(b).length).slice(0, 60);
}

const descendants = (expression: Generated): readonly Generated[] =>
  expression.parts.flatMap((part) => [part, ...descendants(part)]);

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '2000' },
      seed: { type: 'string', default: String(Date.now() % 100_000) },
    },
  });
  const [cases, seed] = [Number(values.cases), Number(values.seed)];
  const oracle = await startOracle();
  let shown = 0;
  const report = (done: number): void => {
    if (done - shown < 5000 && done < cases) return;
    shown = done;
    console.log(`${done} of ${cases} expressions compared`);
  };
  try {
    const result = await compareWithPostgres(oracle, { cases, seed, report });
    console.log(
      `seed ${seed}: ${result.cases} expressions × ${ROWS} rows, ${result.refused} refused here, ${result.errors} errors on both sides, ${result.differences.length} differences`,
    );
    for (const { sql, detail } of result.differences) console.log(`\n${sql}\n  ${detail}`);
    process.exitCode = result.differences.length === 0 ? 0 : 1;
  } finally {
    await oracle.stop();
  }
}
