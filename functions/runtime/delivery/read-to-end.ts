import { z } from 'zod';
import { jsonNote, loadNote, type Note, trySaveNote } from '../checkpoints/note.ts';
import type { StreamShape } from '../log/shards.ts';
import type { Step } from '../step.ts';

/** The shortest time between two notes of one shard: an idle shard costs one write an hour, not one a run. */
const NOTE_EVERY_MILLIS = 3_600_000;

/**
 * The times at which a scheduled step last read each shard to its end. When a shard has no new events for longer than
 * the retention, the record of the step's position expires. That is a loss only if the shard had a later record, and
 * these times tell.
 */
export interface ReadToEnd {
  /** Notes that the shard is now read to its end. */
  note(shard: string, signal: AbortSignal): Promise<void>;
  /** True when the shard was read to its end so recently that no later record can have expired. */
  was(shard: string, signal: AbortSignal): Promise<boolean>;
}

/**
 * Opens the notes of a step. A note is valid for the shorter of two retentions, the one at the time of the note and the
 * present one: a longer retention does not bring back expired records.
 */
export function openReadToEnd(
  { checkpoints, now }: Pick<Step, 'checkpoints' | 'now'>,
  { retentionMillis }: Pick<StreamShape, 'retentionMillis'>,
): ReadToEnd {
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

const End = z.lazy(() =>
  z.object({
    atMillis: z.number(),
    /** The stream's retention at that time. */
    retentionMillis: z.number(),
  }),
);

function endNote(shard: string): Note<z.infer<typeof End>> {
  return jsonNote(`caught-up/${shard}`, End);
}
