import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { RewindPlan } from '../../../functions/runtime/rewind/plan.ts';
import { FunctionFailed } from '../../operation/function-failed.ts';
import type { TargetWithFunctions } from '../../operation/target.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const resume: Command = {
  summary: 'lets a paused step go on from where it is',
  usage: '<pipeline> <step> [options]',
  help: ['Its processes may believe in the pause for some seconds still.', '', targetHelp].join('\n'),
  options: targetOptions,
  run: (invocation) =>
    withTarget(invocation, 2, async (asked, { target, title }) => {
      const { positionals, signal } = invocation;
      const { BELIEVED_MILLIS } = await import('../../../functions/runtime/pause/pause.ts');
      const { resumeStep } = await import('../../operation/control/pause.ts');
      const step = asked.step(positionals[0], positionals[1]);
      const wasPaused = await resumeStep(step, target, signal);
      const goesOn = `goes on, within ${BELIEVED_MILLIS / 1_000} s`;
      console.log(`${step.pipeline}/${step.name} ${wasPaused ? goesOn : 'was not paused'} (${title})`);
      const plan = step.kind === 'source' ? undefined : await rewindOf(step, target, signal);
      if (plan !== undefined && plan.phase !== 'done')
        console.log(
          `it is being moved still: millrace positions ${step.pipeline} ${step.name} --to ${plan.said}${plan.shards === undefined ? '' : ` --shard ${plan.shards.join(',')}`} goes on with that`,
        );
      return 0;
    }),
};

/** It is resumed, whatever its function answers. */
async function rewindOf(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  signal: AbortSignal,
): Promise<RewindPlan | undefined> {
  const { lastRewind } = await import('../../operation/control/rewind.ts');
  try {
    return (await lastRewind(step, target, signal)).plan;
  } catch (error) {
    if (!(error instanceof FunctionFailed || error instanceof UserMistake)) throw error;
    console.error(`whether it is being moved still cannot be told: ${error.message}`);
    return undefined;
  }
}
