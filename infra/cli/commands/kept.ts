import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { Stage } from '../../names.ts';
import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';

export const kept: Command = {
  summary: 'records the deployed resources that hold data, so that no later update replaces them',
  usage: '[--stage <stage>] [--zones <zones>]',
  help: [
    'Writes infra/stacks/platform.kept.json and infra/pipelines/<pipeline>.kept.json. Run it with every',
    'change of streams, read the diff, and commit the files. After that, cdk synth rejects an update',
    'that would replace or abandon a recorded resource. Stages may have other numbers of shards for a',
    'while, and zones of their own: run it with --stage for a stage that differs.',
    '',
    '  --stage <stage>          stage whose numbers of shards and zones are recorded (default: dev)',
    '  --zones <zones>          zones of the stage, as in its context: eu-west-1a,eu-west-1b',
  ].join('\n'),
  examples: ['millrace kept', 'millrace kept --stage prod --zones eu-west-1a,eu-west-1b'],
  options: { stage: { type: 'string' }, zones: { type: 'string' } },
  async run({ name, positionals, values }) {
    refuseSurplus({ name, positionals }, 0);
    const stage = parseOrExplain(Stage, values.stage ?? 'dev', '--stage');
    const { parseContext } = await import('../../context.ts');
    const { recordKept } = await import('../../stacks/kept-files.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const changed = await recordKept(pipelines, { context: parseContext({ stage, zones: values.zones }) });
    print(changed.length === 0 ? 'nothing changed' : `recorded: ${changed.join(', ')}`);
    return 0;
  },
};
