import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const pause: Command = {
  summary: 'lets a step rest: it keeps its position until millrace resume',
  usage: '<pipeline> <step> [options]',
  help: [
    'Comes back when nothing of the step is in flight any more: what is deployed then doubles nothing. Ctrl-C ends the wait, not the pause.',
    'A transform or sink leaves its stream alone, a source of files leaves its queue alone, a source that answers requests replies 503.',
    '',
    targetHelp,
  ].join('\n'),
  options: targetOptions,
  run: (invocation) =>
    withTarget(invocation, 2, async (asked, { target, title }) => {
      const { positionals, signal } = invocation;
      const { pauseStep } = await import('../../operation/control/pause.ts');
      const step = asked.step(positionals[0], positionals[1]);
      const onProgress = (inFlight: readonly string[]): void => {
        console.error(`waiting for what is in flight: ${inFlight.join(', ')}`);
      };
      const { before, unfinished } = await pauseStep(step, target, { onProgress, signal });
      const how = before ? 'was paused already' : 'is paused';
      const name = `${step.pipeline}/${step.name}`;
      if (unfinished.length > 0) {
        console.error(
          `${name} ${how}, and could not finish ${unfinished.join(', ')}: code deployed now may double its last batch`,
        );
        return 1;
      }
      console.log(`${name} ${how}, and nothing of it is in flight (${title})`);
      console.log(`millrace resume ${step.pipeline} ${step.name} lets it go on from where it is`);
      return 0;
    }),
};
