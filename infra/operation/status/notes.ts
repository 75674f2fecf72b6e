import type { Rewind } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { mappingSettings } from '../../delivery.ts';
import type { SinkPlan, TransformPlan } from '../../pipelines/plan.ts';
import type { Look } from './backlog.ts';

type Reader = TransformPlan | SinkPlan;

export const HELD = 'its function died of what comes next, again and again: see “A step holds” in docs/runbook.md';

/** Of a shard that is being moved. */
export function noteOfRewinding({ delivery }: Reader, { phase }: Rewind): string {
  // A scheduled step's next run is soon.
  const goesOn =
    delivery === 'scheduled'
      ? 'its next runs go on'
      : 'it goes on as records come, and at once when the same millrace positions is run again';
  return `${REWINDING[phase]}: ${goesOn}`;
}

const REWINDING = {
  settling: 'it finishes what is in flight before it goes back',
  passing: 'it passes over what comes before the place that it was moved to',
  reading: 'it has not caught up since it was moved',
} as const;

/** Of every other shard: undefined, when there is nothing to say. */
export function noteOf(
  { step, paused }: { readonly step: Reader; readonly paused: boolean },
  look: Look,
  rewind: Rewind | undefined,
): string | undefined {
  if (look.trimmed) return 'records between its position and the earliest one that is left may be lost';
  if (!paused) return undefined;
  const notes = [
    ...(rewind === undefined ? [] : ['it was moved, and goes there when it is resumed']),
    ...resumeBefore(step, look),
  ];
  return notes.length === 0 ? undefined : notes.join('; ');
}

function resumeBefore({ delivery, input }: Reader, { oldestMillis }: Look): readonly string[] {
  if (delivery !== 'continuous' || oldestMillis === undefined) return [];
  const until = new Date(oldestMillis + mappingSettings(input, '').maximumRecordAgeInSeconds * 1_000).toISOString();
  return [`resume it before ${until}: Lambda then gives up on what waits, into the dead-letter bucket`];
}
