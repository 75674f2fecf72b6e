import { StaleCheckpoint } from './errors.ts';
import type { Step } from './step.ts';

/** How exactly the time is kept at which a shard was last read to its end: an idle shard costs a write an hour, not one a run. */
const NOTE_EVERY_MILLIS = 3_600_000;

/**
 * When a scheduled step last had all of each shard. In a shard without new events for longer than the retention, the record that the
 * position is after is trimmed away: that is a loss only if there was something after it.
 */
export interface CaughtUp {
  note(shard: string, signal: AbortSignal): Promise<void>;
  /** Whether the step had all of the shard less than `withinMillis` ago. */
  was(shard: string, withinMillis: number, signal: AbortSignal): Promise<boolean>;
}

export function openCaughtUp({ checkpoints, now }: Pick<Step, 'checkpoints' | 'now'>): CaughtUp {
  const noted = new Map<string, number>();
  const keyOf = (shard: string): string => `caught-up/${shard}`;
  return {
    async note(shard, signal) {
      const nowMillis = now();
      if (nowMillis - (noted.get(shard) ?? 0) < NOTE_EVERY_MILLIS) return;
      const key = keyOf(shard);
      const previous = (await checkpoints.load(key, signal))?.revision ?? 0;
      try {
        await checkpoints.save({ key, previous, revision: previous + 1, state: String(nowMillis), signal });
      } catch (error) {
        // Another run has noted it at the same time.
        if (!(error instanceof StaleCheckpoint)) throw error;
      }
      noted.set(shard, nowMillis);
    },
    async was(shard, withinMillis, signal) {
      const stored = await checkpoints.load(keyOf(shard), signal);
      return stored !== undefined && now() - Number(stored.state) < withinMillis;
    },
  };
}
