import { print, printError } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const pause: Command = {
  summary: 'pauses a step; the step keeps its position until it is resumed',
  usage: '<pipeline> <step> [options]',
  help: [
    'Returns when no batch is in flight. It is then safe to deploy: no event is processed twice. Ctrl-C',
    'ends the wait, not the pause. A paused transform or sink leaves new records in its stream, a',
    'source of files leaves messages in its queue, and a source that answers requests replies 503.',
    targetHelp,
  ].join('\n'),
  examples: ['millrace pause sensors readings --stage prod'],
  options: targetOptions,
  run: (invocation) =>
    withTarget(invocation, 2, async (find, { target, title }) => {
      const { positionals, signal } = invocation;
      const { pauseStep } = await import('../../operation/control/pause.ts');
      const step = find.step(positionals[0], positionals[1]);
      const onProgress = (inFlight: readonly string[]): void => {
        printError(`waiting for batches in flight: ${inFlight.join(', ')}`);
      };
      const { wasPaused, unfinished, note } = await pauseStep(step, target, { onProgress, signal });
      const state = wasPaused ? 'was already paused' : 'is paused';
      const name = `${step.pipeline}/${step.name}`;
      if (unfinished.length > 0) {
        printError(
          `${name} ${state}, but could not finish ${unfinished.join(', ')}: deploying now may process the last batch twice`,
        );
        return 1;
      }
      print(`${name} ${state}; no batch is in flight (${title})`);
      if (note !== undefined) print(`${name} says: ${note}`);
      print(`to resume it: millrace resume ${step.pipeline} ${step.name}`);
      return 0;
    }),
};
