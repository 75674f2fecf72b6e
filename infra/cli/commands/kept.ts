import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Command } from '../command.ts';

export const kept: Command = {
  summary: 'records what is deployed and holds data, so that no later update replaces it',
  usage: '',
  help: [
    'Writes infra/stacks/platform.kept.json and infra/pipelines/<pipeline>.kept.json, which are committed: run it with every change of',
    'streams, and read its diff. An update that would replace or leave behind what is recorded is refused at synth.',
  ].join('\n'),
  options: {},
  async run({ positionals }) {
    if (positionals.length > 0) throw new UserMistake(`kept takes no arguments, and got '${positionals.join(' ')}'`);
    const { recordKept } = await import('../../stacks/kept-files.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const changed = await recordKept(pipelines);
    console.log(changed.length === 0 ? 'nothing has changed' : `recorded: ${changed.join(', ')}`);
    return 0;
  },
};
