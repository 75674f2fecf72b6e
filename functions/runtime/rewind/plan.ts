import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, saveNote } from '../checkpoints/note.ts';
import { RewindPoint } from '../checkpoints/rewind-state.ts';

/**
 * An operator's wish that a step goes back, or on, to another place: kept beside its positions, and done by its
 * function, which can reach those wherever they are. `asked`: not every shard knows of it yet. `begun`: each does that
 * is to, and some are still being read. `done`: all have caught up.
 */
const Text = z.object({
  phase: z.enum(['asked', 'begun', 'done']),
  to: RewindPoint,
  /** As the operator said it: `-15m`. */
  said: z.string(),
  /** All of them when not given. Those that follow from one by splits and merges come with it. */
  shards: z.array(z.string()).exactOptional(),
  askedMillis: z.number(),
});

export type RewindPlan = Readonly<z.infer<typeof Text>>;

export interface StoredPlan {
  /** Of the item. 0: there never was a plan. */
  readonly revision: number;
  /** Counts the plans of a step. */
  readonly number: number;
  readonly plan: RewindPlan | undefined;
}

const PLAN = jsonNote('rewind', z.object({ number: z.number(), plan: Text }));

export async function loadPlan(checkpoints: Checkpoints, signal: AbortSignal): Promise<StoredPlan> {
  const { revision, value = { number: 0, plan: undefined } } = await loadNote(checkpoints, PLAN, signal);
  return { revision, ...value };
}

/** A new plan, in the place of the one that there was. Throws `StaleCheckpoint` when somebody else has changed that. */
export function savePlan(
  checkpoints: Checkpoints,
  from: StoredPlan,
  to: { readonly plan: RewindPlan; readonly signal: AbortSignal },
): Promise<StoredPlan> {
  return save(checkpoints, from, { ...to, number: from.number + 1 });
}

/** The same plan, further on. */
export function movePlan(
  checkpoints: Checkpoints,
  from: StoredPlan & { readonly plan: RewindPlan },
  to: { readonly phase: RewindPlan['phase']; readonly signal: AbortSignal },
): Promise<StoredPlan> {
  return save(checkpoints, from, { ...to, number: from.number, plan: { ...from.plan, phase: to.phase } });
}

async function save(
  checkpoints: Checkpoints,
  from: StoredPlan,
  { number, plan, signal }: { readonly number: number; readonly plan: RewindPlan; readonly signal: AbortSignal },
): Promise<StoredPlan> {
  const previous = from.revision;
  const { revision } = await saveNote(checkpoints, PLAN, { previous, value: { number, plan }, signal });
  return { revision, number, plan };
}
