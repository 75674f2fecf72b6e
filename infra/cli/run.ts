import { UserMistake } from '../../functions/runtime/errors.ts';
import { meant } from '../sql/syntax/suggest.ts';
import { print, printError } from '../terminal.ts';
import { parseArguments } from './arguments/parse.ts';
import { splitStep } from './arguments/split-step.ts';
import { commands } from './commands.ts';
import { helpOf, overview } from './help.ts';

/**
 * Runs a command of `millrace` and resolves to its exit code: 130 when the signal ended it. A user's mistake is printed
 * as a message without a stack, and the exit code is 2.
 */
export async function runCommand(argv: readonly string[], signal: AbortSignal): Promise<number> {
  try {
    return await run(argv, signal);
  } catch (error) {
    if (signal.aborted) return 130;
    if (error instanceof UserMistake) {
      printError(error.message);
      return 2;
    }
    printError(isReplyOfAws(error) ? `${error.name}: ${error.message}` : error);
    return 1;
  }
}

async function run(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const [name = '--help', ...rest] = argv;
  if (['help', '--help', '-h'].includes(name)) {
    print(overview(commands));
    return 0;
  }
  const command = commands[name];
  if (command === undefined) {
    const known = Object.keys(commands);
    const other = OTHER_WORDS[name];
    const hint = other === undefined ? meant(name, known) : `did you mean '${other}'? `;
    throw new UserMistake(`unknown command '${name}'; ${hint}use one of ${known.join(', ')}, or see millrace --help`);
  }
  const { values, positionals } = parseArguments(`millrace ${name}`, command, rest);
  if (values.help === true) {
    print(helpOf(name, command));
    return 0;
  }
  return command.run({ name, values, positionals: splitStep(command, positionals), signal });
}

/** Words of the docs and of other tools, and the command that does it. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  discard: 'dead-letters',
  explain: 'sql explain',
  plan: 'sql plan',
  redrive: 'dead-letters',
  reset: 'positions',
  rewind: 'positions',
};

/** Tells AWS's own error replies apart: their message explains them, and the SDK's stack adds nothing. */
function isReplyOfAws(error: unknown): error is Error {
  return error instanceof Error && '$metadata' in error;
}
