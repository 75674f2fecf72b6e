import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letters.ts';
import { listLetters, readEach } from '../../infra/operation/dead-letters/dead-letters.ts';
import { redriveLetters } from '../../infra/operation/dead-letters/redrive.ts';
import type { Target } from '../../infra/operation/target.ts';
import type { SinkPlan, TransformPlan } from '../../infra/pipelines/plan.ts';
import { targetOf } from './operator.ts';
import type { World } from './world.ts';

export interface RedriveOptions {
  /** Of those that there are when the command begins: all, when not given. */
  readonly which?: (letter: DeadLetter) => boolean;
  /** So many operators do the same at once: one, when not given. */
  readonly operators?: number;
}

/** Whoever asks for it ends a command that stands still for so long. */
const PATIENCE_MILLIS = 15 * 60_000;

/** The command in processes whose calls fail as those of steps do. False: one of them has not come to its end. */
export async function redrivenBy(
  world: World,
  step: TransformPlan | SinkPlan,
  { which, operators = 1 }: RedriveOptions,
): Promise<boolean> {
  const commands = Array.from({ length: operators }, () => command(world, step, which));
  const ends = await world.clock.runUntil(Promise.allSettled(commands));
  for (const end of ends) if (end.status === 'rejected') world.story.tell(`operator: ${(end.reason as Error).message}`);
  return ends.every(({ status }) => status === 'fulfilled');
}

async function command(world: World, step: TransformPlan | SinkPlan, which: RedriveOptions['which']): Promise<void> {
  const { clock } = world;
  const process = world.operator();
  const ended = new AbortController();
  clock.sleep(PATIENCE_MILLIS, ended.signal).then(
    () => process.kill('the operator ended it'),
    () => undefined,
  );
  try {
    await process.invocation(async () => {
      const target = targetOf(world, process);
      const { signal } = new AbortController();
      const letters = await chosen(target, step, { which, signal });
      await redriveLetters(step, target, { letters, onProgress: () => undefined, nowMillis: clock.now, signal });
    });
  } finally {
    ended.abort();
  }
}

async function chosen(
  target: Target,
  { pipeline, name: step }: TransformPlan | SinkPlan,
  { which, signal }: { readonly which: RedriveOptions['which']; readonly signal: AbortSignal },
) {
  const stored = await Array.fromAsync(listLetters(target, { pipeline, step }, signal));
  if (which === undefined) return stored;
  const letters = await readEach(target, stored, signal);
  return stored.filter((_, index) => which(letters[index] as DeadLetter));
}
