import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote } from '../checkpoints/note.ts';
import { RewindPoint } from '../checkpoints/rewind-state.ts';

/**
 * An operator's request to write a bounded range of a sink's input to a fresh destination. The step's own positions do
 * not move. `asked`: nothing is written yet. `begun`: the destination was fresh, so everything in it now is the
 * replay's. `done`: the whole range is written.
 */
const Text = z.lazy(() =>
  z.object({
    phase: z.enum(['asked', 'begun', 'done']),
    from: RewindPoint,
    /** The end of the range: records that arrived at this time or later are left out. */
    toMillis: z.number(),
    /** The destination: a table or a prefix. */
    into: z.string(),
    askedMillis: z.number(),
  }),
);

export type ReplayPlan = Readonly<z.infer<typeof Text>>;

export interface StoredReplay {
  /** 0: this replay was never requested. */
  readonly revision: number;
  readonly plan: ReplayPlan | undefined;
}

export async function loadReplay(checkpoints: Checkpoints, id: string, signal: AbortSignal): Promise<StoredReplay> {
  const { revision, value: plan } = await loadNote(checkpoints, replayNote(id), signal);
  return { revision, plan };
}

/** Saves a replay's plan. Throws `StaleCheckpoint` when another process has changed the plan. */
export async function saveReplay(
  checkpoints: Checkpoints,
  { revision: previous }: StoredReplay,
  to: { readonly id: string; readonly plan: ReplayPlan; readonly signal: AbortSignal },
): Promise<StoredReplay> {
  const { id, plan, signal } = to;
  const { revision } = await saveNote(checkpoints, replayNote(id), { previous, value: plan, signal });
  return { revision, plan };
}

function replayNote(id: string): Note<ReplayPlan> {
  return jsonNote(`replay/${id}`, Text);
}
