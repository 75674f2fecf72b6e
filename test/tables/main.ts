import { startOracle } from '../infra/sql/oracle.ts';
import { type GivenOptions, runProof } from '../long-proof.ts';
import { compareTables, differenceText, shrunk } from './compare.ts';
import { prepareTruth } from './truth.ts';

const USAGE = `[--queries 200] [--streams 50] [--seed 0]

Compiles random tables in SQL, half of them with windows, plays each over random streams with faults, and compares
what it shows with Postgres's own answer to the same SELECT at every committed position. Ends with code 1 and a small
failing case when they differ.`;

const OPTIONS = {
  queries: { type: 'string' },
  streams: { type: 'string' },
  seed: { type: 'string' },
} as const;

/** So many comparisons after which the command says how far it is. */
const EVERY = 250;

await runProof({ command: 'npm run test:tables', usage: USAGE, options: OPTIONS }, main);

async function main({ wholeNumber }: GivenOptions): Promise<void> {
  const [queries, streams] = [wholeNumber('queries', 200, 1), wholeNumber('streams', 50, 1)];
  const seed = wholeNumber('seed', 0);
  const oracle = await startOracle();
  try {
    await prepareTruth(oracle);
    let shown = 0;
    const onProgress = (done: number): void => {
      if (done - shown < EVERY) return;
      shown = done;
      console.log(`${done} of ${queries * streams} compared`);
    };
    const report = await compareTables(oracle, { queries, streams, seed, onProgress });
    const { comparisons, positions, rejections, late, difference } = report;
    console.log(
      `seed ${seed}: ${queries} queries × ${streams} streams, ${comparisons} compared at ${positions} positions, ${rejections} events rejected, ${late} late, ${difference === undefined ? 'no difference' : '1 difference'}`,
    );
    if (difference === undefined) return;
    process.exitCode = 1;
    console.log(`\n${differenceText(await shrunk(oracle, difference))}`);
  } finally {
    await oracle.stop();
  }
}
