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
  return command.run({ values, positionals, signal: untilInterrupted() });
}

function parsed(command: Command, name: string, args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UserMistake(`${(error as Error).message}\n${helpOf(name, command)}`);
  }
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return ['millrace: event-driven ETL on managed AWS', '', ...lines, '', 'millrace <command> --help tells more.'].join(
    '\n',
  );
}

function helpOf(name: string, { usage, summary, help }: Command): string {
  return [`usage: millrace ${name} ${usage}`, '', summary, ...(help === '' ? [] : ['', help])].join('\n');
}

/** The first Ctrl-C asks everything to end; a second one does not wait for it. */
function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = (): void => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort(new Interrupted());
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return interrupted.signal;
}

class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = 130;
  else if (error instanceof UserMistake) {
    console.error(error.message);
    process.exitCode = 2;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
}
// Whatever a library has left open must not keep a command alive that is done.
process.exit();
