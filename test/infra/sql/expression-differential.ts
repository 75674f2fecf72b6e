import type { Comparison, Difference, Report, Wanted } from './comparison.ts';
import { fails, inBatches, shrunk } from './comparison.ts';
import type { CompiledExpression, Outcome, TestRow } from './compiled-expression.ts';
import { compileExpression, SqlMistake } from './compiled-expression.ts';
import type { Generated } from './generated.ts';
import { simpler, sqlOf } from './generated.ts';
import { approximate, COLUMNS, expression, LEAVES, randomRow, tableDefinition } from './generator.ts';
import type { Attempt, Oracle } from './oracle.ts';
import type { Random } from './random.ts';
import { seeded } from './random.ts';
import { postgresTypeName, sameOutcome } from './same-value.ts';
import { TYPE_NAMES } from './type-names.ts';

export const ROWS = 5;
const BATCH = 100;

/**
 * Random expressions over random rows of every type, here and in Postgres: values, nulls, types and errors must be the
 * same.
 */
export function compareExpressions(oracle: Oracle, wanted: Wanted): Promise<Report> {
  return inBatches(wanted, BATCH, async (done, count) => {
    const random = seeded(wanted.seed * 1_000_003 + done);
    const rows = await fillTable(oracle, random);
    const expressions = Array.from({ length: count }, () => randomExpression(random));
    return {
      comparisons: await compareAll(oracle, rows, expressions.map(sqlOf)),
      shrink: (i) => shrink(oracle, rows, expressions[i]!),
    };
  });
}

function randomExpression(random: Random): Generated {
  const pen = { random, columns: LEAVES };
  return random.chance(0.04) ? approximate(pen, 1) : expression(pen, random.pick(TYPE_NAMES), 1 + random.below(4));
}

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
    if (error.kind === 'unsupported') return { unsupported: true, errors: 0 };
    const accepted = values.find((value) => value.code === null);
    return accepted === undefined
      ? { unsupported: false, errors: 1 }
      : fails(`rejected here: ${error.message}; Postgres: ${accepted.value}`);
  }
  if (type.code === null && postgresTypeName(type.value ?? '') !== compiled.type)
    return fails(`type here: ${compiled.type}, Postgres: ${type.value}`);
  return compareRows(compiled, rows, values);
}

function compareRows(compiled: CompiledExpression, rows: readonly TestRow[], values: readonly Attempt[]): Comparison {
  let errors = 0;
  for (const [i, row] of rows.entries()) {
    const ours = evaluate(compiled, row);
    const theirs = values[i]!;
    // An error because of an unsupported feature (0A000) says nothing about the result.
    if (ours.error?.startsWith('0A000') === true) continue;
    errors += ours.error === undefined ? 0 : 1;
    const nullGiven = ours.value === null && !compiled.nullable;
    if (sameOutcome(ours, theirs, compiled.type) && !nullGiven) continue;
    const used = row.map((value, j) => `c${j}=${JSON.stringify(value)}`).join(' ');
    return {
      unsupported: false,
      errors,
      difference: `here: ${nullGiven ? 'null, declared not null' : JSON.stringify(ours)}, Postgres: ${JSON.stringify(theirs.code === null ? theirs.value : theirs.message)}; row: ${used}`,
    };
  }
  return { unsupported: false, errors };
}

function evaluate(compiled: CompiledExpression, row: TestRow): Outcome {
  try {
    return compiled.evaluate(row);
  } catch (error) {
    return { error: `crash: ${(error as Error).message}`, value: 'crash' };
  }
}

async function shrink(oracle: Oracle, rows: readonly TestRow[], failing: Generated): Promise<Difference> {
  const { smallest, detail } = await shrunk(
    failing,
    { rounds: 40 },
    { simpler, compareAll: (expressions) => compareAll(oracle, rows, expressions.map(sqlOf)) },
  );
  return { sql: sqlOf(smallest), detail };
}
