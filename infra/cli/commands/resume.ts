import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { RewindPlan } from '../../../functions/runtime/rewind/plan.ts';
import { FunctionFailed } from '../../operation/function-failed.ts';
import type { TargetWithFunctions } from '../../operation/target.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import { print, printError } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const resume: Command = {
  summary: 'resumes a paused step from its position',
  usage: '<pipeline> <step> [options]',
  help: ['Running functions notice within a few seconds.', targetHelp].join('\n'),
  examples: ['millrace resume sensors readings --stage prod'],
  options: targetOptions,
  run: (invocation) =>
    withTarget(invocation, 2, async (find, { target, title }) => {
      const { positionals, signal } = invocation;
      const { BELIEVED_MILLIS } = await import('../../../functions/runtime/pause/pause.ts');
      const { resumeStep } = await import('../../operation/control/pause.ts');
      const step = find.step(positionals[0], positionals[1]);
      const wasPaused = await resumeStep(step, target, signal);
      const resumed = `is resumed; running functions notice within ${BELIEVED_MILLIS / 1_000} s`;
      print(`${step.pipeline}/${step.name} ${wasPaused ? resumed : 'was not paused'} (${title})`);
      const plan = step.kind === 'source' ? undefined : await loadRewind(step, target, signal);
      if (plan !== undefined && plan.phase !== 'done') {
        const shards = plan.shards === undefined ? '' : ` --shard ${plan.shards.join(',')}`;
        print(
          `its move to ${plan.said} is unfinished; to continue it: millrace positions ${step.pipeline} ${step.name} --to ${plan.said}${shards}`,
        );
      }
      return 0;
    }),
};

/** Loads the step's last rewind. Undefined when the step's function fails: the step is resumed nevertheless. */
async function loadRewind(
  step: ReaderPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<RewindPlan | undefined> {
  const { lastRewind } = await import('../../operation/control/rewind.ts');
  try {
    return (await lastRewind(step, target, signal)).plan;
  } catch (error) {
    if (!(error instanceof FunctionFailed || error instanceof UserMistake)) throw error;
    printError(`could not check whether a move of its position is unfinished: ${error.message}`);
    return undefined;
  }
}
