import { batches } from './batches.ts';
import { deliver } from './delivery.ts';
import { shardPoller } from './poller.ts';
import type { Run } from './run.ts';
import type { Shard } from './shard.ts';

/** A shard that is being read and delivered. */
export interface ShardReading {
  /**
   * Resolves to the ids of the shards that continue this one when it is drained, or to undefined when it was stopped
   * before.
   */
  readonly ended: Promise<readonly string[] | undefined>;
  stop(reason: Error): void;
  /** Forgets all but the checkpoint and starts again from there. */
  restart(reason: Error): void;
}

export function startReading(run: Run, shard: Shard): ShardReading {
  let isStopped = false;
  let reader = new AbortController();

  async function read(): Promise<readonly string[] | undefined> {
    while (!isStopped) {
      reader = new AbortController();
      try {
        return await readOn(run, shard, reader.signal);
      } catch (error) {
        if (error !== reader.signal.reason) throw error;
        if (!isStopped) run.trace({ did: 'shard', shardId: shard.shardId, became: 'rebalanced' });
      }
    }
    return undefined;
  }

  return {
    ended: read(),
    stop(reason) {
      isStopped = true;
      reader.abort(reason);
    },
    restart: (reason) => reader.abort(reason),
  };
}

/** Reads from the checkpoint until the shard is drained; throws the signal's reason. */
async function readOn(run: Run, shard: Shard, signal: AbortSignal): Promise<readonly string[]> {
  const source = batches(run, shard, { poller: shardPoller(run, shard, signal), signal });
  for (;;) {
    const next = await source.next();
    signal.throwIfAborted();
    if (next.done) return next.value;
    await deliver(run, shard, { batch: next.value, signal });
  }
}
