import { z } from 'zod';
import { jsonNote, loadNote, type Note, trySaveNote } from '../checkpoints/note.ts';
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
  return {
    async note(shard, signal) {
      const nowMillis = now();
      if (nowMillis - (noted.get(shard) ?? 0) < NOTE_EVERY_MILLIS) return;
      const note = endNote(shard);
      const { revision: previous } = await loadNote(checkpoints, note, signal);
      // When this fails, another run has noted the shard at the same time.
      await trySaveNote(checkpoints, note, { previous, value: { atMillis: nowMillis, retentionMillis }, signal });
      noted.set(shard, nowMillis);
    },
    async was(shard, signal) {
      const { value } = await loadNote(checkpoints, endNote(shard), signal);
      return value !== undefined && now() - value.atMillis < Math.min(value.retentionMillis, retentionMillis);
    },
  };
}

const End = z.object({
  atMillis: z.number(),
  /** What the stream's retention was then. */
  retentionMillis: z.number(),
});

function endNote(shard: string): Note<z.infer<typeof End>> {
  return jsonNote(`caught-up/${shard}`, End);
}
