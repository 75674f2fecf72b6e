import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, saveNote } from '../checkpoints/note.ts';

/** The key of a pulled source's state, and of its lease, among the step's checkpoints. */
export const PULL_KEY = 'pull';

const PullText = z.object({
  /** Distinguishes the events from those of a state in a checkpoint table that was lost. */
  id: z.string(),
  /** The source's own position: everything before it is in the log. Missing: nothing was read yet. */
  position: z.unknown().optional(),
  /** The place of the last event before the position. */
  place: z.string().optional(),
  /** True while events after the position may be in the log. A run that dies leaves it so. */
  open: z.boolean(),
  /** How often the source has begun again. Missing: never. */
  generation: z.int().min(1).exactOptional(),
  /** What the source says of itself (`PulledPage.note`). */
  note: z.string().exactOptional(),
  /** What the database kept for the source when the source asked last, at a time in milliseconds since 1970. */
  kept: z.object({ bytes: z.number(), leftMillis: z.number().exactOptional(), atMillis: z.number() }).exactOptional(),
  /** The run that reads, and the most events of its next page. A run whose process dies leaves it. */
  reading: z
    .object({ process: z.string(), code: z.string(), most: z.int().min(1), sinceMillis: z.number() })
    .exactOptional(),
  /** What killed the process, and was not passed since (deaths.ts). */
  killed: z
    .object({
      /** It is among this many events after the position. */
      within: z.int().min(1),
      /** How many processes in a row died with one event. */
      alone: z.int().min(0),
      code: z.string(),
      sinceMillis: z.number(),
      lastMillis: z.number(),
    })
    .exactOptional(),
  /** When a run last began, moved the position or ended, in milliseconds since 1970. */
  atMillis: z.number(),
});

export type PullState = z.infer<typeof PullText>;

export interface StoredPull {
  readonly revision: number;
  readonly state: PullState;
}

const NOTE = jsonNote(PULL_KEY, PullText);

export async function loadPull(
  checkpoints: Pick<Checkpoints, 'load'>,
  { nowMillis, signal }: { readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<StoredPull> {
  const { revision, value: state } = await loadNote(checkpoints, NOTE, signal);
  return { revision, state: state ?? { id: randomBytes(6).toString('base64url'), open: false, atMillis: nowMillis } };
}

/** Saves the state. Throws `StaleCheckpoint` when another invocation has saved it since it was loaded. */
export async function savePull(
  checkpoints: Checkpoints,
  from: StoredPull,
  to: { readonly state: PullState; readonly signal: AbortSignal },
): Promise<StoredPull> {
  const { state, signal } = to;
  const { revision } = await saveNote(checkpoints, NOTE, { previous: from.revision, value: state, signal });
  return { revision, state };
}
