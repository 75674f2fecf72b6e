import type { Checkpoint, Checkpoints } from './checkpoints.ts';
import { StaleCheckpoint } from './errors.ts';

/**
 * An operator's wish that a step rests, kept beside its positions, and read by its invocations: not the mapping switched off, which is
 * what Lambda has for it. Switched off, a mapping comes back with whatever deployment next changes or replaces it, so a pause would
 * not last through `pause`, deploy, `resume`; nobody could tell when the batch in flight is over; schedules, queues and function URLs
 * would each need a way of their own; and a laptop has no Lambda API. This way is one for all of them, and a deployment cannot undo it.
 *
 * A continuous step that is paused answers each batch with its first sequence number, so the mapping holds the shard and offers it
 * again with its own back-off. Such an answer counts as no error and halves nothing. Records age no faster than behind a mapping that is
 * switched off, for Lambda compares their age when it delivers them: either way, what waits for longer than the mapping's maximum
 * record age goes to the dead-letter bucket. To acknowledge the batches unread instead, and to catch up from the log later, would make
 * the step's position something else than what it has done.
 */
export interface Pause {
  /** Which pause is in force; undefined when none is. Asked for before anything is begun: what was begun may end. */
  inForce(signal: AbortSignal): Promise<number | undefined>;
  /** Notes that nothing of the shard is in flight any more: a mapping has one invocation a shard, and this one did nothing. */
  hold(shardId: string, pause: number, signal: AbortSignal): Promise<void>;
}

/** How long an invocation may believe what it read last: a step at work reads this seldom, and a pause is in force after it. */
export const BELIEVED_MILLIS = 5_000;

export function openPause({ checkpoints, now }: { readonly checkpoints: Checkpoints; now(): number }): Pause {
  let read: { readonly atMillis: number; readonly pause: number | undefined } | undefined;
  const noted = new Map<string, number>();
  return {
    async inForce(signal) {
      // From before the question was sent: the answer may have been on its way for long.
      const atMillis = now();
      if (read === undefined || atMillis - read.atMillis >= BELIEVED_MILLIS) {
        const { paused, revision } = await loadPause(checkpoints, signal);
        read = { atMillis, pause: paused === undefined ? undefined : revision };
      }
      return read.pause;
    },
    async hold(shardId, pause, signal) {
      if (noted.get(shardId) === pause) return;
      await note(checkpoints, { shardId, pause, signal });
      noted.set(shardId, pause);
    },
  };
}

const KEY = 'control';

export interface StoredPause {
  /** Counts pauses and resumptions: 0 when there was none. */
  readonly revision: number;
  readonly paused: { readonly sinceMillis: number } | undefined;
}

export async function loadPause(checkpoints: Checkpoints, signal: AbortSignal): Promise<StoredPause> {
  const stored = await checkpoints.load(KEY, signal);
  if (stored === undefined) return { revision: 0, paused: undefined };
  const { pausedSince } = JSON.parse(stored.state) as { readonly pausedSince?: number };
  return {
    revision: stored.revision,
    paused: pausedSince === undefined ? undefined : { sinceMillis: pausedSince },
  };
}

/** Begins a pause, or ends it without `sinceMillis`. Throws `StaleCheckpoint` when somebody else did either since it was loaded. */
export async function savePause(
  checkpoints: Checkpoints,
  from: StoredPause,
  to: { readonly sinceMillis: number | undefined; readonly signal: AbortSignal },
): Promise<StoredPause> {
  const { sinceMillis, signal } = to;
  const revision = from.revision + 1;
  const state = JSON.stringify({ pausedSince: sinceMillis });
  await checkpoints.save({ key: KEY, previous: from.revision, revision, state, signal });
  return { revision, paused: sinceMillis === undefined ? undefined : { sinceMillis } };
}

/** Whether the shard was offered to the step, and refused, in this pause. */
export async function isHeld(
  checkpoints: Checkpoints,
  of: { readonly shardId: string; readonly pause: number; readonly signal: AbortSignal },
): Promise<boolean> {
  return heldIn(await checkpoints.load(heldKey(of.shardId), of.signal)) === of.pause;
}

async function note(
  checkpoints: Checkpoints,
  { shardId, pause, signal }: { readonly shardId: string; readonly pause: number; readonly signal: AbortSignal },
): Promise<void> {
  const key = heldKey(shardId);
  const stored = await checkpoints.load(key, signal);
  if (heldIn(stored) === pause) return;
  const previous = stored?.revision ?? 0;
  try {
    await checkpoints.save({ key, previous, revision: previous + 1, state: String(pause), signal });
  } catch (error) {
    // Another process of the step has noted it.
    if (!(error instanceof StaleCheckpoint)) throw error;
  }
}

function heldKey(shardId: string): string {
  return `held/${shardId}`;
}

function heldIn(stored: Checkpoint | undefined): number | undefined {
  return stored === undefined ? undefined : Number(stored.state);
}
