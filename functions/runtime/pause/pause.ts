import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote, trySaveNote } from '../checkpoints/note.ts';

/**
 * An operator's request that a step pauses. It is stored beside the step's checkpoints, and the step's invocations read
 * it.
 *
 * We do not disable the event source mapping, which would be Lambda's own way. The next deployment that changes or
 * replaces a mapping enables it again, so the pause would not last through `pause`, deploy, `resume`. Nobody could tell
 * when the batch in flight has ended. Schedules, queues and function URLs would each need another way, and a laptop has
 * no Lambda API. A stored request works for all of them, and a deployment cannot undo it.
 *
 * A paused continuous step finishes what it may have begun (drain.ts). Then it answers each batch with the batch's
 * first sequence number, so the mapping keeps the shard waiting and delivers the batch again with its own back-off.
 * Such an answer counts as no error, and the batch is not bisected. Records age no faster than behind a disabled
 * mapping, because Lambda compares their age when it delivers them: either way, records that wait until the stream is
 * about to trim them become dead letters. We do not acknowledge the batches unread and catch up from
 * the log later, because the mapping would then be ahead of what the step has processed.
 */
export interface Pause {
  /** Resolves to the pause that is in force, if there is one. Call this before anything begins. */
  inForce(signal: AbortSignal): Promise<ActivePause | undefined>;
  /** Resolves to what is known of a shard or lane in this pause. */
  rest(of: string, pause: ActivePause, signal: AbortSignal): Promise<Rest>;
  /** Notes what is known, for the step's other processes and for the operator's command, which waits for it. */
  note(of: string, rest: Rest, signal: AbortSignal): Promise<void>;
}

export interface ActivePause {
  /** Distinguishes one pause from another. */
  readonly revision: number;
  readonly sinceMillis: number;
}

/** The rest of a shard or lane in one pause. */
const Rest = z.lazy(() =>
  z.object({
    /** The revision of the pause. */
    pause: z.number(),
    /** True at rest: nothing is in flight, and nothing that was sent is after the position. Stored under this name. */
    held: z.boolean(),
    /** How much was finished since the pause began. */
    records: z.number(),
    bytes: z.number(),
  }),
);
export type Rest = Readonly<z.infer<typeof Rest>>;

/** How long an invocation may trust what its process read last, so a busy step rarely reads whether it is paused. */
export const BELIEVED_MILLIS = 5_000;

/** The difference allowed between the clocks of two machines. */
const MARGIN_MILLIS = 2_000;

/** Returns the time from which every new invocation knows of the pause, in milliseconds since 1970. */
export function inForceMillis({ sinceMillis }: Pick<ActivePause, 'sinceMillis'>): number {
  return sinceMillis + BELIEVED_MILLIS + MARGIN_MILLIS;
}

export function openPause({ checkpoints, now }: { readonly checkpoints: Checkpoints; now(): number }): Pause {
  let read: { readonly atMillis: number; readonly pause: ActivePause | undefined } | undefined;
  const atRest = new Map<string, Rest>();
  return {
    async inForce(signal) {
      // The time before the read, because the answer may take long to arrive.
      const atMillis = now();
      if (read === undefined || atMillis - read.atMillis >= BELIEVED_MILLIS) {
        const { revision, sinceMillis } = await loadPause(checkpoints, signal);
        read = { atMillis, pause: sinceMillis === undefined ? undefined : { revision, sinceMillis } };
      }
      return read.pause;
    },
    async rest(of, { revision: pause }, signal) {
      const known = atRest.get(of);
      if (known?.pause === pause) return known;
      const { value: rest } = await loadNote(checkpoints, restNote(of), signal);
      return rest?.pause === pause ? rest : { pause, held: false, records: 0, bytes: 0 };
    },
    async note(of, rest, signal) {
      if (atRest.get(of)?.pause === rest.pause) return;
      const { revision: previous } = await loadNote(checkpoints, restNote(of), signal);
      const saved = await trySaveNote(checkpoints, restNote(of), { previous, value: rest, signal });
      // A stale save means that another process has made the note.
      if (saved !== undefined && rest.held) atRest.set(of, rest);
    },
  };
}

const CONTROL = jsonNote(
  'control',
  z.lazy(() => z.object({ pausedSince: z.number().optional() })),
);

export interface StoredPause {
  /** Counts the pauses and resumptions. 0: there was none. */
  readonly revision: number;
  /** Undefined: the step is not paused. */
  readonly sinceMillis: number | undefined;
}

export async function loadPause(checkpoints: Checkpoints, signal: AbortSignal): Promise<StoredPause> {
  const { revision, value } = await loadNote(checkpoints, CONTROL, signal);
  return { revision, sinceMillis: value?.pausedSince };
}

/**
 * Begins a pause; without `sinceMillis`, ends it. Throws `StaleCheckpoint` when another process has begun or ended a
 * pause since `from` was loaded.
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

/** Resolves to true when a shard or lane is at rest in this pause. */
export async function isAtRest(
  checkpoints: Checkpoints,
  { of, pause, signal }: { readonly of: string; readonly pause: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const { value: rest } = await loadNote(checkpoints, restNote(of), signal);
  return rest?.pause === pause && rest.held;
}

function restNote(of: string): Note<Rest> {
  return jsonNote(`held/${of}`, Rest);
}
