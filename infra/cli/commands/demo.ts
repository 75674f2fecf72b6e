import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';

export const demo: Command = {
  summary: 'runs the example pipelines once on real data and checks every count against the input files',
  usage: '',
  help: 'Needs no AWS account and no Docker. The exit code is 1 when an event is missing or duplicated.',
  examples: ['millrace demo'],
  options: {},
  async run({ name, positionals, signal }) {
    refuseSurplus({ name, positionals }, 0);
    const { runDemo } = await import('../../local/demo/run.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    const { readLock } = await import('../../schemas/lock.ts');
    const { withVersions } = await import('../../schemas/with-versions.ts');
    return (await runDemo(withVersions(pipelines, await readLock()), { print }, signal)) ? 0 : 1;
  },
};
