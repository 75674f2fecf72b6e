import type { DeadLetter } from '../../functions/runtime/dead-letters/dead-letter.ts';
import { listLetters, readEach } from '../../infra/operation/dead-letters/dead-letters.ts';
import { redriveLetters } from '../../infra/operation/dead-letters/redrive.ts';
import type { Target } from '../../infra/operation/target.ts';
import type { ReaderPlan } from '../../infra/pipelines/plan.ts';
import { targetOf } from './operator.ts';
import type { World } from './world.ts';

export interface RedriveOptions {
  /** Chooses among the dead letters that exist when the command begins. By default all are redriven. */
  readonly which?: (letter: DeadLetter) => boolean;
  /** How many operators run the command at once: 1 by default. */
  readonly operators?: number;
}

/** The operator ends a command after this time. */
const PATIENCE_MILLIS = 15 * 60_000;

/** Runs the command in processes whose calls fail as those of steps do. Resolves to false when one did not finish. */
export async function redrivenBy(
  world: World,
  step: ReaderPlan,
  { which, operators = 1 }: RedriveOptions,
): Promise<boolean> {
  const commands = Array.from({ length: operators }, () => command(world, step, which));
  const ends = await world.clock.runUntil(Promise.allSettled(commands));
  for (const end of ends) if (end.status === 'rejected') world.story.tell(`operator: ${(end.reason as Error).message}`);
  return ends.every(({ status }) => status === 'fulfilled');
}

async function command(world: World, step: ReaderPlan, which: RedriveOptions['which']): Promise<void> {
  const { clock } = world;
  const process = world.operator();
  const ended = new AbortController();
  clock.sleep(PATIENCE_MILLIS, ended.signal).then(
    () => process.kill('the operator ended the command'),
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
  { pipeline, name: step }: ReaderPlan,
  { which, signal }: { readonly which: RedriveOptions['which']; readonly signal: AbortSignal },
) {
  const stored = await Array.fromAsync(listLetters(target, { pipeline, step }, signal));
  if (which === undefined) return stored;
  const letters = await readEach(target, stored, signal);
  return stored.filter((_, index) => which(letters[index] as DeadLetter));
}
