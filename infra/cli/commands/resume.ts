import { atPlace } from '../at-place.ts';
import type { Command } from '../command.ts';
import { placeHelp, placeOptions } from '../place-options.ts';

export const resume: Command = {
  summary: 'lets a paused step go on from where it is',
  usage: '<pipeline> <step> [options]',
  help: placeHelp,
  options: placeOptions,
  run: (invocation) =>
    atPlace(invocation, 2, async (asked, { place, title }) => {
      const { positionals, signal } = invocation;
      const { resumeStep } = await import('../../operation/pausing.ts');
      const step = asked.step(positionals[0], positionals[1]);
      const wasPaused = await resumeStep(step, place, signal);
      console.log(`${step.pipeline}/${step.name} ${wasPaused ? 'goes on' : 'was not paused'} (${title})`);
      return 0;
    }),
};
