import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote } from '../checkpoints/note.ts';
import { RewindPoint } from '../checkpoints/rewind-state.ts';

/**
 * A bounded range of a step's input, to be written to a fresh place, beside what the step does: its own positions do
 * not move. `asked`: nothing is written yet. `begun`: the place was fresh, and what is in it now is the replay's.
 */
const Text = z.object({
  phase: z.enum(['asked', 'begun', 'done']),
  from: RewindPoint,
  /** What arrived then or later is not in it. */
  toMillis: z.number(),
  /** The table, or the prefix. */
  into: z.string(),
  askedMillis: z.number(),
});

export type ReplayPlan = Readonly<z.infer<typeof Text>>;

export interface StoredReplay {
  /** 0: it was never asked for. */
  readonly revision: number;
  readonly plan: ReplayPlan | undefined;
}

export async function loadReplay(checkpoints: Checkpoints, id: string, signal: AbortSignal): Promise<StoredReplay> {
  const { revision, value: plan } = await loadNote(checkpoints, replayNote(id), signal);
  return { revision, plan };
}

/** Throws `StaleCheckpoint` when somebody else has changed it. */
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
