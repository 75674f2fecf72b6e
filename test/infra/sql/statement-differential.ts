import type { Comparison, Difference, Report, Wanted } from './comparison.ts';
import { inBatches, shrunk } from './comparison.ts';
import type { Oracle } from './oracle.ts';
import { seeded } from './random.ts';
import { compareStatement } from './statement-comparison.ts';
import type { TestStatement } from './statement-generator.ts';
import { randomStatement, simplerStatements, statementText } from './statement-generator.ts';
import type { World } from './world.ts';
import { columnsText, makeWorld } from './world.ts';

const STATEMENTS = 10;

/**
 * Random statements over random streams of nested data, here and in Postgres: the rows, their nulls and types must be
 * the same, and whether each expression errs when it is evaluated alone. Here each event goes three ways, which must
 * agree: scanned, through JSON.parse, and as a line of a file.
 */
export function compareStatements(oracle: Oracle, wanted: Wanted): Promise<Report> {
  return inBatches(wanted, STATEMENTS, async (done, count) => {
    const random = seeded(wanted.seed * 1_000_003 + done);
    const world = await makeWorld(oracle, random);
    const statements = Array.from({ length: count }, () => randomStatement(random, world.table));
    return {
      comparisons: await compareAll(oracle, world, statements),
      shrink: (i) => shrink(oracle, world, statements[i]!),
    };
  });
}

async function compareAll(
  oracle: Oracle,
  world: World,
  statements: readonly TestStatement[],
): Promise<readonly Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const statement of statements) comparisons.push(await compareStatement(oracle, world, statement));
  return comparisons;
}

async function shrink(oracle: Oracle, world: World, failing: TestStatement): Promise<Difference> {
  const { smallest, detail } = await shrunk(
    failing,
    { rounds: 40 },
    { simpler: simplerStatements, compareAll: (statements) => compareAll(oracle, world, statements) },
  );
  return { sql: `${statementText(smallest)}\n  ${columnsText(world)}`, detail };
}
