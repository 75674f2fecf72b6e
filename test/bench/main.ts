import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { parseArguments } from '../../infra/cli/arguments/parse.ts';
import { textTable } from '../../infra/text-table.ts';
import { BENCHMARKS } from './benchmarks.ts';

const COMMAND = 'npm run bench --';
const names = Object.keys(BENCHMARKS);

/** Runs the benchmarks that are named, or prints what there are. Ends with 2 when a name is unknown. */
function main(): void {
  try {
    const { values, positionals } = parseArguments(COMMAND, { options: {} }, process.argv.slice(2));
    if (values.help === true) {
      console.log(usage());
      return;
    }
    const unknown = positionals.find((name) => !names.includes(name));
    if (unknown !== undefined) throw new UserMistake(`unknown benchmark '${unknown}'; use any of ${names.join(', ')}`);
    runBenchmarks(positionals.length === 0 ? names : names.filter((name) => positionals.includes(name)));
  } catch (error) {
    if (!(error instanceof UserMistake)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

const usage = (): string =>
  `usage: ${COMMAND} [benchmark…]\n\nRuns the benchmarks one after the other: all of them, unless some are named.\n\n${textTable(
    ['benchmark', 'what it measures'],
    Object.entries(BENCHMARKS).map(([name, measures]) => [name, measures]),
  )}`;

/**
 * Runs benchmarks one after the other. Each has the machine and a process to itself, as a function has, so that earlier
 * measurements do not influence the compiler. Exits with 1 when one misses its target.
 */
function runBenchmarks(some: readonly string[]): void {
  const missed: string[] = [];
  for (const name of some) {
    const { status, signal } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], {
      stdio: 'inherit',
    });
    if (signal !== null) process.exit(1);
    if (status !== 0) missed.push(name);
    console.log();
  }
  console.log(missed.length === 0 ? 'every target is met' : `missed: ${missed.join(', ')}`);
  process.exitCode = missed.length === 0 ? 0 : 1;
}

main();
