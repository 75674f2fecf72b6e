import { type GivenOptions, runProof } from '../../long-proof.ts';
import type { Report } from './comparison.ts';
import { compareExpressions, ROWS } from './expression-differential.ts';
import { compareGrouped } from './grouped-differential.ts';
import { startOracle } from './oracle.ts';
import { compareStatements } from './statement-differential.ts';
import { EVENTS } from './world.ts';

const USAGE = `[--cases 2000] [--seed n]

Compares so many random expressions, statements, and statements with groups with Postgres. Ends with code 1 and the SQL
that differs. Without --seed it takes another one at each run.`;

const OPTIONS = { cases: { type: 'string' }, seed: { type: 'string' } } as const;

await runProof({ command: 'npm run test:sql', usage: USAGE, options: OPTIONS }, main);

async function main({ wholeNumber }: GivenOptions): Promise<void> {
  const [cases, seed] = [wholeNumber('cases', 2_000, 1), wholeNumber('seed', Date.now() % 100_000)];
  const oracle = await startOracle();
  try {
    const expressions = await compareExpressions(oracle, { cases, seed, report: progress('expressions', cases) });
    show({ ...expressions, seed }, `expressions × ${ROWS} rows`);
    const statements = await compareStatements(oracle, { cases, seed, report: progress('statements', cases) });
    show({ ...statements, seed }, `statements × ${EVENTS} events`);
    const grouped = await compareGrouped(oracle, { cases, seed, report: progress('statements with groups', cases) });
    show({ ...grouped, seed }, 'statements with groups');
    const differences = [expressions, statements, grouped].flatMap((report) => report.differences);
    process.exitCode = differences.length === 0 ? 0 : 1;
  } finally {
    await oracle.stop();
  }
}

function progress(what: string, cases: number): (done: number) => void {
  let shown = 0;
  return (done) => {
    if (done - shown < 5000 || done >= cases) return;
    shown = done;
    console.log(`${done} of ${cases} ${what} compared`);
  };
}

function show(
  { cases: count, seed, unsupported, errors, differences }: Report & { readonly seed: number },
  what: string,
): void {
  console.log(
    `seed ${seed}: ${count} ${what}, ${unsupported} unsupported here, ${errors} errors on both sides, ${differences.length} differences`,
  );
  for (const { sql, detail } of differences) console.log(`\n${sql}\n  ${detail}`);
}
