import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';

export const kept: Command = {
  summary: 'records the deployed resources that hold data, so that no later update replaces them',
  usage: '',
  help: [
    'Writes infra/stacks/platform.kept.json and infra/pipelines/<pipeline>.kept.json. Run it with every',
    'change of streams, read the diff, and commit the files. After that, cdk synth rejects an update',
    'that would replace or abandon a recorded resource.',
  ].join('\n'),
  examples: ['millrace kept'],
  options: {},
  async run({ positionals }) {
    refuseSurplus(positionals, 0);
    const { recordKept } = await import('../../stacks/kept-files.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const changed = await recordKept(pipelines);
    print(changed.length === 0 ? 'nothing changed' : `recorded: ${changed.join(', ')}`);
    return 0;
  },
};
