import { parseArgs } from 'node:util';
import type { Report } from './comparison.ts';
import { compareExpressions, ROWS } from './expression-differential.ts';
import { compareGrouped } from './grouped-differential.ts';
import { startOracle } from './oracle.ts';
import { compareStatements } from './statement-differential.ts';
import { EVENTS } from './world.ts';

/**
 * Compares this many random expressions, statements, and statements with groups with Postgres: `node
 * test/infra/sql/differential.ts --cases 200000 [--seed n]`.
 */
const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
  },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
const oracle = await startOracle();
try {
  const expressions = await compareExpressions(oracle, { cases, seed, report: progress('expressions') });
  show(expressions, `expressions × ${ROWS} rows`);
  const statements = await compareStatements(oracle, { cases, seed, report: progress('statements') });
  show(statements, `statements × ${EVENTS} events`);
  const grouped = await compareGrouped(oracle, { cases, seed, report: progress('statements with groups') });
  show(grouped, 'statements with groups');
  const differences = [expressions, statements, grouped].flatMap((report) => report.differences);
  process.exitCode = differences.length === 0 ? 0 : 1;
} finally {
  await oracle.stop();
}

function progress(what: string): (done: number) => void {
  let shown = 0;
  return (done) => {
    if (done - shown < 5000 || done >= cases) return;
    shown = done;
    console.log(`${done} of ${cases} ${what} compared`);
  };
}

function show({ cases: count, unsupported, errors, differences }: Report, what: string): void {
  console.log(
    `seed ${seed}: ${count} ${what}, ${unsupported} unsupported here, ${errors} errors on both sides, ${differences.length} differences`,
  );
  for (const { sql, detail } of differences) console.log(`\n${sql}\n  ${detail}`);
}
