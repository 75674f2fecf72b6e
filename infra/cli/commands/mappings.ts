import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';

/**
 * Is for anyone who tests Lambda and Kinesis on an emulator such as LocalStack, with or without Millrace pipelines. See
 * docs/mappings.md.
 */
export const mappings: Command = {
  summary: 'runs the Kinesis event source mappings of an AWS emulator the way Lambda does',
  usage: '[options]',
  help: [
    "Switches the emulator's own pollers off, reads the streams itself, and calls the functions through",
    "the emulator's Lambda API until every mapping has caught up. Then it switches the pollers on",
    'again. docs/mappings.md describes the differences.',
    '',
    '  --endpoint <url>         URL of the emulator, such as http://127.0.0.1:4566 (default:',
    '                           AWS_ENDPOINT_URL)',
    '  --follow                 keep running until Ctrl-C, and run mappings that are created meanwhile',
    '  --trace                  print every poll, batch, invocation and checkpoint as a line of JSON',
  ].join('\n'),
  examples: ['millrace mappings --endpoint http://127.0.0.1:4566 --follow'],
  options: { endpoint: { type: 'string' }, follow: { type: 'boolean' }, trace: { type: 'boolean' } },
  async run({ name, values, positionals, signal }) {
    refuseSurplus({ name, positionals }, 0);
    const { endpoint = process.env.AWS_ENDPOINT_URL, follow = false, trace = false } = values;
    if (typeof endpoint !== 'string' || endpoint === '') {
      throw new UserMistake('missing endpoint; use --endpoint http://127.0.0.1:4566, or set AWS_ENDPOINT_URL');
    }
    const { runMappings } = await import('../../endpoint/run.ts');
    const options = { endpoint, follow: follow === true, trace: trace === true, journals: '.millrace/mappings' };
    await runMappings(options, print, signal);
    return 0;
  },
};
