import type { Rewind } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import type { StreamShape } from '../../../functions/runtime/log/shards.ts';
import { longestWaitMillis } from '../../delivery.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import type { Backlog } from './backlog.ts';
import type { RebuildStatus } from './rebuild-status.ts';

type Reader = ReaderPlan;
type Shape = Pick<StreamShape, 'retentionMillis'>;

export const HELD_NOTE =
  'the last events killed its function, so it waits before it tries the next one; see "A step holds" in docs/runbook.md';

export const HELD_SOURCE_NOTE =
  'one event killed its function three times, so it tries again each hour; see "A step holds" in docs/runbook.md';

/** Describes a shard that is being moved. */
export function noteOfRewinding({ delivery }: Reader, { phase }: Rewind): string {
  const next =
    delivery === 'scheduled'
      ? 'its next runs continue'
      : 'it continues as records arrive, or at once when the same millrace positions command is run again';
  return `${REWINDING[phase]}; ${next}`;
}

const REWINDING = {
  settling: 'finishing its batch in flight before it moves',
  passing: 'scanning the records before its new position',
  reading: 'moved, and not caught up yet',
} as const;

/** Describes a table that is being made again. `stands`: that has not gone on for a while. */
export function noteOfRebuild(
  { phase, since, moved, shards, shardsDone, share, isArchived }: RebuildStatus,
  { stands }: { readonly stands: boolean },
): string {
  const begun = since === undefined ? '' : ` since ${since}`;
  const standing = stands ? `; it has not gone on since ${moved ?? since}: see the log of its function` : '';
  if (phase === 'asked') return 'an operator has asked to make the table again: its step begins with its next batch';
  if (phase === 'publishing')
    return `the table was made again and shows the new rows; the step publishes${begun} how they differ, before its next event${standing}`;
  return `the table is being made again${begun}: ${shardsDone} of ${shards} shards are read, and about ${Math.floor(share * 100)} % of ${isArchived === true ? 'what the archive and the log have' : 'the log'}; until then readers see the former rows, and its events wait${standing}`;
}

/** Describes any other shard. Undefined when there is nothing to say. */
export function noteOf(
  { step, paused, shape }: { readonly step: Reader; readonly paused: boolean; readonly shape: Shape },
  backlog: Backlog,
  rewind: Rewind | undefined,
): string | undefined {
  if (backlog.trimmed) return 'records have expired after its position and may be lost';
  if (!paused) return undefined;
  const notes = [
    ...(rewind === undefined ? [] : ['moved, and starts at its new position when it is resumed']),
    ...resumeBefore(step, shape, backlog),
  ];
  return notes.length === 0 ? undefined : notes.join('; ');
}

function resumeBefore({ delivery }: Reader, { retentionMillis }: Shape, { oldestMillis }: Backlog): readonly string[] {
  if (delivery !== 'continuous' || oldestMillis === undefined) return [];
  const until = new Date(oldestMillis + longestWaitMillis(retentionMillis)).toISOString();
  return [`resume before ${until}; after that the waiting records become dead letters`];
}
