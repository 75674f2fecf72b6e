import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote, trySaveNote } from '../checkpoints/note.ts';

/**
 * An operator's wish that a step rests, kept beside its positions, and read by its invocations: not the mapping
 * switched off, which is what Lambda has for it. Switched off, a mapping comes back with whatever deployment next
 * changes or replaces it, so a pause would not last through `pause`, deploy, `resume`; nobody could tell when the batch
 * in flight is over; schedules, queues and function URLs would each need a way of their own; and a laptop has no Lambda
 * API. This way is one for all of them, and a deployment cannot undo it.
 *
 * A continuous step that is paused finishes what it may have begun (`finish.ts`), and then answers each batch with its
 * first sequence number, so the mapping holds the shard and offers it again with its own back-off. Such an answer
 * counts as no error and halves nothing. Records age no faster than behind a mapping that is switched off, for Lambda
 * compares their age when it delivers them: either way, what waits for longer than the mapping's maximum record age
 * goes to the dead-letter bucket. To acknowledge the batches unread instead, and to catch up from the log later, would
 * make the step's position something else than what it has done.
 */
export interface Pause {
  /** The pause that is in force. Asked before anything is begun. */
  inForce(signal: AbortSignal): Promise<ActivePause | undefined>;
  /** What is known of a shard or lane in this pause. */
  rest(of: string, pause: ActivePause, signal: AbortSignal): Promise<Rest>;
  /** Notes it, for the step's other processes and for whoever waits. */
  note(of: string, rest: Rest, signal: AbortSignal): Promise<void>;
}

export interface ActivePause {
  /** Tells one pause from another. */
  readonly revision: number;
  readonly sinceMillis: number;
}

/** A shard or lane in a pause. */
const Rest = z.object({
  pause: z.number(),
  /** Nothing of it is in flight, and nothing that was sent is after its position. */
  held: z.boolean(),
  /** What was finished of it since the pause began. */
  records: z.number(),
  bytes: z.number(),
});
export type Rest = Readonly<z.infer<typeof Rest>>;

/** How long an invocation may believe what it read last: a step at work reads this seldom. */
export const BELIEVED_MILLIS = 5_000;

/** Between the clocks of two machines. */
const MARGIN_MILLIS = 2_000;

/** From when on no invocation begins that has not heard of the pause. */
export function inForceMillis({ sinceMillis }: Pick<ActivePause, 'sinceMillis'>): number {
  return sinceMillis + BELIEVED_MILLIS + MARGIN_MILLIS;
}

export function openPause({ checkpoints, now }: { readonly checkpoints: Checkpoints; now(): number }): Pause {
  let read: { readonly atMillis: number; readonly pause: ActivePause | undefined } | undefined;
  const held = new Map<string, Rest>();
  return {
    async inForce(signal) {
      // From before the question was sent: the answer may have been on its way for long.
      const atMillis = now();
      if (read === undefined || atMillis - read.atMillis >= BELIEVED_MILLIS) {
        const { revision, sinceMillis } = await loadPause(checkpoints, signal);
        read = { atMillis, pause: sinceMillis === undefined ? undefined : { revision, sinceMillis } };
      }
      return read.pause;
    },
    async rest(of, { revision: pause }, signal) {
      const known = held.get(of);
      if (known?.pause === pause) return known;
      const { value: rest } = await loadNote(checkpoints, restNote(of), signal);
      return rest?.pause === pause ? rest : { pause, held: false, records: 0, bytes: 0 };
    },
    async note(of, rest, signal) {
      if (held.get(of)?.pause === rest.pause) return;
      const { revision: previous } = await loadNote(checkpoints, restNote(of), signal);
      const saved = await trySaveNote(checkpoints, restNote(of), { previous, value: rest, signal });
      // Another process notes it when this one's save was stale.
      if (saved !== undefined && rest.held) held.set(of, rest);
    },
  };
}

const CONTROL = jsonNote('control', z.object({ pausedSince: z.number().optional() }));

export interface StoredPause {
  /** Counts pauses and resumptions: 0 when there was none. */
  readonly revision: number;
  /** Undefined: no pause. */
  readonly sinceMillis: number | undefined;
}

export async function loadPause(checkpoints: Checkpoints, signal: AbortSignal): Promise<StoredPause> {
  const { revision, value } = await loadNote(checkpoints, CONTROL, signal);
  return { revision, sinceMillis: value?.pausedSince };
}

/**
 * Begins a pause, or ends it without `sinceMillis`. Throws `StaleCheckpoint` when somebody else did either since it was
 * loaded.
 */
export async function savePause(
  checkpoints: Checkpoints,
  from: StoredPause,
  to: { readonly sinceMillis: number | undefined; readonly signal: AbortSignal },
): Promise<StoredPause> {
  const { sinceMillis, signal } = to;
  const value = { pausedSince: sinceMillis };
  const { revision } = await saveNote(checkpoints, CONTROL, { previous: from.revision, value, signal });
  return { revision, sinceMillis };
}

/** Whether a shard or lane was found at rest in this pause. */
export async function isHeld(
  checkpoints: Checkpoints,
  { of, pause, signal }: { readonly of: string; readonly pause: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const { value: rest } = await loadNote(checkpoints, restNote(of), signal);
  return rest?.pause === pause && rest.held;
}

function restNote(of: string): Note<Rest> {
  return jsonNote(`held/${of}`, Rest);
}
