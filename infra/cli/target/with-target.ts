import type { PipelineFinder } from '../../operation/find-step.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { CommandInvocation } from '../command.ts';
import type { FoundTarget } from './open-target.ts';

/**
 * Opens the target that a command's options name, runs `work` on it, and closes it. Throws a `UserMistake` when there
 * are more than `most` positional arguments. Imports the AWS clients only here: they take a second to load, which
 * `--help` should not wait for.
 */
export async function withTarget(
  invocation: CommandInvocation,
  most: number,
  work: (find: PipelineFinder, found: FoundTarget) => Promise<number>,
): Promise<number> {
  refuseSurplus(invocation, most);
  const { openTarget } = await import('./open-target.ts');
  const { pipelineFinder } = await import('../../operation/find-step.ts');
  const { pipelines } = await import('../../pipelines/all.ts');
  using found = await openTarget(invocation);
  return await work(pipelineFinder(pipelines, found), found);
}
