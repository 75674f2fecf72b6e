import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Command } from '../command.ts';

/**
 * `millrace mappings`: for anyone who tests Lambda and Kinesis on a server that is like LocalStack. See
 * docs/mappings.md.
 */
export const mappings: Command = {
  summary: "does a LocalStack-like server's Kinesis mappings as Lambda does them",
  usage: '[--endpoint <url>] [--follow] [--trace]',
  help: [
    "Switches the server's own pollers off, feeds its functions through its Lambda API until all have caught up, and gives them back.",
    'docs/mappings.md says what it does that such servers do not.',
    '',
    '  --endpoint <url>   such as http://127.0.0.1:4566 (AWS_ENDPOINT_URL)',
    '  --follow           goes on until Ctrl-C; takes mappings that are created meanwhile, too',
    '  --trace            shows every poll, batch, invocation and checkpoint as a line of JSON',
  ].join('\n'),
  options: { endpoint: { type: 'string' }, follow: { type: 'boolean' }, trace: { type: 'boolean' } },
  async run({ values, positionals, signal }) {
    if (positionals.length > 0) {
      throw new UserMistake(`mappings takes no arguments, and got '${positionals.join(' ')}': see --help`);
    }
    const { endpoint = process.env.AWS_ENDPOINT_URL, follow = false, trace = false } = values;
    if (typeof endpoint !== 'string' || endpoint === '') {
      throw new UserMistake('there is no endpoint: millrace mappings --endpoint http://127.0.0.1:4566');
    }
    const { runMappings } = await import('../../endpoint/run.ts');
    const options = { endpoint, follow: follow === true, trace: trace === true, journals: '.millrace/mappings' };
    await runMappings(options, (line) => console.log(line), signal);
    return 0;
  },
};
