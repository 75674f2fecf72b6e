import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { CommandInvocation } from '../command.ts';
import type { Asked } from './find-step.ts';
import type { FoundTarget } from './open-target.ts';

/**
 * Opens the place that a command is for. What it takes is loaded here: the AWS clients take a second, and `--help` is
 * not to wait for them. Refuses more than `most` positionals.
 */
export async function withTarget(
  invocation: CommandInvocation,
  most: number,
  work: (asked: Asked, found: FoundTarget) => Promise<number>,
): Promise<number> {
  const surplus = invocation.positionals.slice(most);
  if (surplus.length > 0) throw new UserMistake(`'${surplus.join(' ')}' is too much here: see --help`);
  const { openTarget } = await import('./open-target.ts');
  const { askedOf } = await import('./find-step.ts');
  const { pipelines } = await import('../../pipelines/all.ts');
  using found = await openTarget(invocation);
  return await work(askedOf(pipelines, found), found);
}
