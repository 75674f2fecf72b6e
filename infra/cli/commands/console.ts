import { once } from 'node:events';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import type { Command, CommandInvocation } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const showConsole: Command = {
  summary: 'shows pipelines in a browser, until Ctrl-C',
  usage: '[options]',
  help: [
    'Serves pages on 127.0.0.1 and prints their address, with a token that is valid until the command ends.',
    'Nothing is deployed: the command reads the stage with the credentials of this machine, and events go',
    'nowhere but to the browser. Without --write the pages change nothing; each shows the command line that',
    'does. While a page is open, the command looks at every step again and again: on AWS each 10 s, with the',
    'reads that a shard allows to all of its readers.',
    '',
    '  --port <port>            port to listen on (default: any free one)',
    '  --write                  let the pages pause, resume and move steps, and redrive, mend and discard dead',
    '                           letters; each asks once, and what was done is printed here',
    '  --hide-data              do not show the fields that a schema calls personal, .meta({ personal: true }),',
    '                           nor keys beside them, nor the bytes of dead letters; tables cannot be asked',
    targetHelp,
  ].join('\n'),
  examples: ['millrace console --stage prod'],
  options: { ...targetOptions, port: { type: 'string' }, 'hide-data': { type: 'boolean' }, write: { type: 'boolean' } },
  run: (invocation) =>
    withTarget(invocation, 0, async (find, { target, title, pipelines, rates }) => {
      const { openConsole } = await import('../../console/open-console.ts');
      const { values, signal } = invocation;
      await using running = new AsyncDisposableStack();
      const isDev = pipelines !== undefined;
      const hidesData = values['hide-data'] === true;
      const lookEveryMillis = isDev ? 2_000 : 10_000;
      const writes = values.write === true;
      const note = (said: string): void => print(`${new Date().toISOString()} ${said}`);
      const source = {
        title,
        options: optionsOf(values),
        target,
        find,
        hidesData,
        lookEveryMillis,
        writes,
        note,
        ...(rates === undefined ? {} : { rates }),
      };
      const url = await openConsole({ source, port: portOf(values.port) }, running);
      print(`The console of ${title}:\n\n  ${url}\n\nPress Ctrl-C to stop.`);
      if (!signal.aborted) await once(signal, 'abort');
      return 0;
    }),
};

/** Repeats the options that name the target, for the command lines that the pages show. */
function optionsOf(values: CommandInvocation['values']): string {
  return Object.keys(targetOptions)
    .filter((option) => values[option] !== undefined)
    .map((option) => ` --${option} ${quoted(String(values[option]))}`)
    .join('');
}

function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

function portOf(given: string | boolean | undefined): number {
  if (given === undefined) return 0;
  const port = /^\d{1,5}$/.test(String(given)) ? Number(given) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new UserMistake(`invalid --port '${given}'; use a whole number from 1 to 65535`);
}
