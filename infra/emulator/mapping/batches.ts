import type { BatchEnd } from '../trace.ts';
import type { Poll, Poller } from './poller.ts';
import { type BatchRecord, countThatFits } from './records.ts';
import type { Run } from './run.ts';
import type { Shard } from './shard.ts';

/** Yields the records of one shard in batches, in order. Returns the ids of the shard's children at its end. */
export async function* batches(
  run: Run,
  shard: Shard,
  { poller, signal }: { poller: Poller; signal: AbortSignal },
): AsyncGenerator<readonly BatchRecord[], readonly string[]> {
  const { clock, configuration, trace } = run;
  const windowMillis = configuration.MaximumBatchingWindowInSeconds * 1_000;
  let unread: readonly BatchRecord[] = [];
  let last: Poll | undefined;

  for (;;) {
    const windowEnd = (unread[0]?.readMillis ?? Number.POSITIVE_INFINITY) + windowMillis;
    const count = countThatFits(unread, configuration.BatchSize);
    const isWindowOver = clock.now() >= windowEnd;
    const because = reasonToDeliver({ unread: unread.length, count, last, isWindowOver, windowMillis }, run);
    if (because !== undefined) {
      const batch = unread.slice(0, count);
      unread = unread.slice(count);
      trace({ did: 'batch', ...rangeOf(shard, batch), because });
      yield batch;
    } else if (unread.length === 0 && last?.endedWith !== undefined) {
      return last.endedWith;
    } else if (windowEnd < poller.dueMillis()) {
      await clock.sleep(windowEnd - clock.now(), signal);
    } else {
      if (unread.length === 0 && last?.isAtTip) run.caughtUp(shard, last.asked);
      last = await poller.poll();
      unread = unread.length === 0 ? last.records : [...unread, ...last.records];
    }
  }
}

interface Unread {
  readonly unread: number;
  /** How many of the unread records one invocation can carry. */
  readonly count: number;
  readonly last: Poll | undefined;
  readonly isWindowOver: boolean;
  readonly windowMillis: number;
}

/** Decides why the batch is delivered now. Undefined: wait for more records. */
function reasonToDeliver(
  { unread, count, last, isWindowOver, windowMillis }: Unread,
  { configuration }: Run,
): BatchEnd | undefined {
  if (unread === 0) return undefined;
  if (count === configuration.BatchSize) return 'batch-size';
  if (count < unread) return 'payload-size';
  if (last?.endedWith !== undefined) return 'shard-end';
  if (windowMillis === 0) return 'no-more-records';
  return isWindowOver ? 'window' : undefined;
}

/** Describes consecutive records for the trace. */
export function rangeOf({ shardId }: Pick<Shard, 'shardId'>, records: readonly BatchRecord[]) {
  return {
    shardId,
    from: records[0]?.sequenceNumber ?? '',
    to: records.at(-1)?.sequenceNumber ?? '',
    records: records.length,
  };
}
