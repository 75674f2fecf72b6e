import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, saveNote } from '../checkpoints/note.ts';
import { RewindPoint } from '../checkpoints/rewind-state.ts';

/**
 * An operator's request to move a step back or forward to another position. It is stored beside the step's checkpoints,
 * and the step's function carries it out, because only the function can reach the positions wherever they are stored.
 * `asked`: not every shard's state has the plan yet. `begun`: every state has it, and some shards are still catching
 * up. `done`: all shards have caught up.
 */
const Text = z.lazy(() =>
  z.object({
    phase: z.enum(['asked', 'begun', 'done']),
    to: RewindPoint,
    /** The target as the operator wrote it, such as `-15m`. */
    said: z.string(),
    /** All shards when omitted. The descendants of a named shard come with it. */
    shards: z.array(z.string()).exactOptional(),
    askedMillis: z.number(),
  }),
);

export type RewindPlan = Readonly<z.infer<typeof Text>>;

export interface StoredPlan {
  /** The revision of the stored note. 0: there never was a plan. */
  readonly revision: number;
  /** The number of the plan: 1 is the step's first. */
  readonly number: number;
  readonly plan: RewindPlan | undefined;
}

const PLAN = jsonNote(
  'rewind',
  z.lazy(() => z.object({ number: z.number(), plan: Text })),
);

export async function loadPlan(checkpoints: Checkpoints, signal: AbortSignal): Promise<StoredPlan> {
  const { revision, value = { number: 0, plan: undefined } } = await loadNote(checkpoints, PLAN, signal);
  return { revision, ...value };
}

/** Saves a new plan in place of the last one. Throws `StaleCheckpoint` when another process has changed that one. */
export function savePlan(
  checkpoints: Checkpoints,
  from: StoredPlan,
  to: { readonly plan: RewindPlan; readonly signal: AbortSignal },
): Promise<StoredPlan> {
  return save(checkpoints, from, { ...to, number: from.number + 1 });
}

/** Moves a plan to another phase. Throws `StaleCheckpoint` when another process has changed the plan. */
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
