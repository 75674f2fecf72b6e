import { parseArgs } from 'node:util';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';

/** The command `millrace`: what is a user's mistake is one message without a stack, and ends with 2. */
async function main(argv: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = argv;
  if (['help', '--help', '-h'].includes(name)) {
    console.log(overview());
    return 0;
  }
  const command = commands[name];
  if (command === undefined) {
    throw new UserMistake(
      `there is no command '${name}': there are ${Object.keys(commands).join(', ')}; see millrace --help`,
    );
  }
  const { values, positionals } = parsed(command, name, rest);
  if (values.help === true) {
    console.log(helpOf(name, command));
    return 0;
  }
  return command.run({ values, positionals, signal: interrupted.signal });
}

function parsed(command: Command, name: string, args: readonly string[]) {
  try {
    return parseArgs({
      args: withNegatives(args, command),
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
      allowNegative: true,
    });
  } catch (error) {
    throw new UserMistake(`${(error as Error).message}\n${helpOf(name, command)}`);
  }
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`);
  return ['millrace: event-driven ETL on managed AWS', '', ...lines, '', 'millrace <command> --help tells more.'].join(
    '\n',
  );
}

function helpOf(name: string, { usage, summary, help }: Command): string {
  return [`usage: millrace ${name} ${usage}`, '', summary, ...(help === '' ? [] : ['', help])].join('\n');
}

/** `--from -15m` is what people write, and `parseArgs` would take `-15m` for options: it gets `--from=-15m`. */
function withNegatives(args: readonly string[], { options }: Command): string[] {
  const joined: string[] = [];
  for (const argument of args) {
    const before = joined.at(-1) ?? '';
    if (/^-\d/.test(argument) && options[before.slice(2)]?.type === 'string')
      joined[joined.length - 1] += `=${argument}`;
    else joined.push(argument);
  }
  return joined;
}

/** The first Ctrl-C asks everything to end; a second one does not wait for it. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort(new Error('interrupted'));
}

/** What AWS answers is its own explanation: a stack of the SDK adds nothing. */
function isAnswerOfAws(error: unknown): error is Error {
  return error instanceof Error && '$metadata' in error;
}

const interrupted = new AbortController();
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);
// Who reads our output has seen enough: `millrace tail … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (interrupted.signal.aborted) process.exitCode = 130;
  else if (error instanceof UserMistake) {
    console.error(error.message);
    process.exitCode = 2;
  } else {
    console.error(isAnswerOfAws(error) ? `${error.name}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
// Whatever a library has left open must not keep a command alive that is done.
process.exit();
