import { StaleCheckpoint } from '../errors.ts';
import type { StreamShape } from '../log/shards.ts';
import type { Step } from '../step.ts';

/**
 * How exactly the time is kept at which a shard was last read to its end: an idle shard costs a write an hour, not one
 * a run.
 */
const NOTE_EVERY_MILLIS = 3_600_000;

/**
 * When a scheduled step last had all of each shard. In a shard without new events for longer than the retention, the
 * record that the position is after is trimmed away: that is a loss only if there was something after it.
 */
export interface CaughtUp {
  note(shard: string, signal: AbortSignal): Promise<void>;
  /** Whether the step had all of the shard so recently that what came since cannot have been trimmed away. */
  was(shard: string, signal: AbortSignal): Promise<boolean>;
}

/**
 * What is noted holds for the shorter of two retentions, the one then and the one now: making it longer does not bring
 * back what is gone.
 */
export function openCaughtUp(
  { checkpoints, now }: Pick<Step, 'checkpoints' | 'now'>,
  { retentionMillis }: Pick<StreamShape, 'retentionMillis'>,
): CaughtUp {
  const noted = new Map<string, number>();
  const keyOf = (shard: string): string => `caught-up/${shard}`;
  return {
    async note(shard, signal) {
      const nowMillis = now();
      if (nowMillis - (noted.get(shard) ?? 0) < NOTE_EVERY_MILLIS) return;
      const key = keyOf(shard);
      const state = JSON.stringify({ atMillis: nowMillis, retentionMillis } satisfies Note);
      const previous = (await checkpoints.load(key, signal))?.revision ?? 0;
      try {
        await checkpoints.save({ key, previous, revision: previous + 1, state, signal });
      } catch (error) {
        // Another run has noted it at the same time.
        if (!(error instanceof StaleCheckpoint)) throw error;
      }
      noted.set(shard, nowMillis);
    },
    async was(shard, signal) {
      const stored = await checkpoints.load(keyOf(shard), signal);
      if (stored === undefined) return false;
      const note = JSON.parse(stored.state) as Note;
      return now() - note.atMillis < Math.min(note.retentionMillis, retentionMillis);
    },
  };
}

interface Note {
  readonly atMillis: number;
  /** What the stream's retention was then. */
  readonly retentionMillis: number;
}
