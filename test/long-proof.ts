import { UserMistake } from '../functions/runtime/errors.ts';
import { parseArguments } from '../infra/cli/arguments/parse.ts';
import type { Command } from '../infra/cli/command.ts';

/** The command of a long proof, such as `npm run test:lake`. */
export interface LongProof {
  readonly command: string;
  /** What follows the command in its usage, and what it does. */
  readonly usage: string;
  readonly options: Command['options'];
}

/** Runs a proof with the options of the command line, or prints its usage. Ends with 2 when an option is wrong. */
export async function runProof(
  { command, usage, options }: LongProof,
  prove: (given: GivenOptions) => Promise<void>,
): Promise<void> {
  try {
    const { values, positionals } = parseArguments(`${command} --`, { options }, process.argv.slice(2));
    if (values.help === true) return console.log(`usage: ${command}${usage.startsWith('\n') ? '' : ' -- '}${usage}`);
    const [surplus] = positionals;
    if (surplus !== undefined) throw new UserMistake(`unexpected argument '${surplus}'; see ${command} -- --help`);
    await prove({
      has: (option) => values[option] === true,
      wholeNumber: (option, unset, least = 0) => wholeNumber(`--${option}`, String(values[option] ?? unset), least),
    });
  } catch (error) {
    if (!(error instanceof UserMistake)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

/** The options that were given. */
export interface GivenOptions {
  has(option: string): boolean;
  /** Returns the number of an option, or `unset` where it is not given. Throws a `UserMistake` below `least`. */
  wholeNumber(option: string, unset: number, least?: number): number;
}

/** Parses a whole number. Throws a `UserMistake` that names the option, and what was given. */
export function wholeNumber(option: string, given: string, least: number): number {
  const number = Number(given);
  if (/^\d+$/.test(given) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UserMistake(`${option} is '${given}'; use a whole number, ${least} or more`);
}
