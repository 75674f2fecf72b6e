import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Command } from '../command.ts';

export const demo: Command = {
  summary: 'runs both example pipelines on real data, once, and holds every count against the input',
  usage: '',
  help: 'Needs nothing but this repository: no AWS account, no Docker. Exits with 1 when one event is missing or doubled.',
  options: {},
  async run({ positionals, signal }) {
    if (positionals.length > 0) throw new UserMistake(`demo takes no arguments, and got '${positionals.join(' ')}'`);
    const { runDemo } = await import('../../local/demo/run.ts');
    const { pipelines } = await import('../../pipelines/all.ts');
    return (await runDemo(pipelines, (text) => console.log(text), signal)) ? 0 : 1;
  },
};
