import { UserMistake } from '../../functions/runtime/errors.ts';
import { print, printError } from '../terminal.ts';
import { parseArguments } from './arguments/parse.ts';
import { commands } from './commands.ts';
import { helpOf, overview } from './help.ts';

/** Runs `millrace`. A user's mistake is printed as a message without a stack, and the exit code is 2. */
async function main(argv: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = argv;
  if (['help', '--help', '-h'].includes(name)) {
    print(overview(commands));
    return 0;
  }
  const command = commands[name];
  if (command === undefined) {
    throw new UserMistake(
      `unknown command '${name}'; use one of ${Object.keys(commands).join(', ')}, or see millrace --help`,
    );
  }
  const { values, positionals } = parseArguments(name, command, rest);
  if (values.help === true) {
    print(helpOf(name, command));
    return 0;
  }
  return command.run({ values, positionals, signal: interrupted.signal });
}

/** Asks everything to end at the first Ctrl-C, and exits at once at the second. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort(new Error('interrupted'));
}

/** Tells AWS's own error replies apart: their message explains them, and the SDK's stack adds nothing. */
function isReplyOfAws(error: unknown): error is Error {
  return error instanceof Error && '$metadata' in error;
}

const interrupted = new AbortController();
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// The reader of our output closed the pipe: `millrace tail … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (interrupted.signal.aborted) process.exitCode = 130;
  else if (error instanceof UserMistake) {
    printError(error.message);
    process.exitCode = 2;
  } else {
    printError(isReplyOfAws(error) ? `${error.name}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
// A handle that some library left open must not keep a finished command alive.
process.exit();
