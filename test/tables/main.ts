import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseArguments } from '../../infra/cli/arguments/parse.ts';
import { startOracle } from '../infra/sql/oracle.ts';
import { compareTables, differenceText, shrunk } from './compare.ts';
import { prepareTruth } from './truth.ts';

const COMMAND = 'npm run test:tables --';
const USAGE = `usage: ${COMMAND} [--queries 200] [--streams 50] [--seed 0]

Compiles random tables in SQL, half of them with windows, plays each over random streams with faults, and compares
what it shows with Postgres's own answer to the same SELECT at every committed position. Ends with code 1 and a small failing case when they differ.`;

const OPTIONS = {
  queries: { type: 'string' },
  streams: { type: 'string' },
  seed: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** So many comparisons after which the command says how far it is. */
const EVERY = 250;

try {
  await main();
} catch (error) {
  if (!(error instanceof UserMistake)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values } = parseArguments(COMMAND, { options: OPTIONS }, process.argv.slice(2));
  if (values.help === true) return console.log(USAGE);
  const [queries, streams] = [
    number('queries', values.queries ?? '200', 1),
    number('streams', values.streams ?? '50', 1),
  ];
  const seed = number('seed', values.seed ?? '0', 0);
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

function number(option: string, given: unknown, least: number): number {
  const value = Number(given);
  if (/^\d+$/.test(String(given)) && Number.isSafeInteger(value) && value >= least) return value;
  throw new UserMistake(`--${option} is '${given}'; use a whole number, ${least} or more`);
}
