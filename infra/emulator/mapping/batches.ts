import type { BatchEnd } from '../trace.ts';
import type { Poll, Poller } from './poller.ts';
import { type BatchRecord, countThatFits } from './records.ts';
import type { Run } from './run.ts';
import type { Shard } from './shard.ts';

/** The records of one shard in batches, in order, until the shard has ended; then the ids of those that continue it. */
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
    const because = whyNow({ unread: unread.length, count, last, isOver: clock.now() >= windowEnd, windowMillis }, run);
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

interface Gathered {
  readonly unread: number;
  /** How many of them one invocation can carry. */
  readonly count: number;
  readonly last: Poll | undefined;
  readonly isOver: boolean;
  readonly windowMillis: number;
}

/** Why a batch is to be delivered as it is, or undefined when more records are to be waited for. */
function whyNow({ unread, count, last, isOver, windowMillis }: Gathered, { configuration }: Run): BatchEnd | undefined {
  if (unread === 0) return undefined;
  if (count === configuration.BatchSize) return 'batch-size';
  if (count < unread) return 'payload-size';
  if (last?.endedWith !== undefined) return 'shard-end';
  if (windowMillis === 0) return 'no-more-records';
  return isOver ? 'window' : undefined;
}

/** How a trace names a run of records. */
export function rangeOf({ shardId }: Pick<Shard, 'shardId'>, records: readonly BatchRecord[]) {
  return {
    shardId,
    from: records[0]?.sequenceNumber ?? '',
    to: records.at(-1)?.sequenceNumber ?? '',
    records: records.length,
  };
}
