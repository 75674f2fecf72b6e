import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { Stage } from '../../names.ts';
import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';

export const kept: Command = {
  summary: 'records the deployed resources that hold data, so that no later update replaces them',
  usage: '[--stage <stage>]',
  help: [
    'Writes infra/stacks/platform.kept.json and infra/pipelines/<pipeline>.kept.json. Run it with every',
    'change of streams, read the diff, and commit the files. After that, cdk synth rejects an update',
    'that would replace or abandon a recorded resource. Stages may have other numbers of shards for a',
    'while: run it with --stage for a stage that is deployed later.',
    '',
    '  --stage <stage>          stage whose numbers of shards are recorded (default: dev)',
  ].join('\n'),
  examples: ['millrace kept', 'millrace kept --stage prod'],
  options: { stage: { type: 'string' } },
  async run({ positionals, values }) {
    refuseSurplus(positionals, 0);
    const stage = parseOrExplain(Stage, values.stage ?? 'dev', '--stage');
    const { parseContext } = await import('../../context.ts');
    const { recordKept } = await import('../../stacks/kept-files.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const changed = await recordKept(pipelines, { context: parseContext({ stage }) });
    print(changed.length === 0 ? 'nothing changed' : `recorded: ${changed.join(', ')}`);
    return 0;
  },
};
