import { batches } from './batches.ts';
import { deliver } from './delivery.ts';
import { shardPoller } from './poller.ts';
import type { Run } from './run.ts';
import type { Shard } from './shard.ts';

/** Reads one shard and delivers its records. */
export interface ShardReader {
  /**
   * Resolves to the ids of the shard's children when the shard is drained, or to undefined when the reader was stopped
   * first.
   */
  readonly ended: Promise<readonly string[] | undefined>;
  stop(reason: Error): void;
  /** Drops the records in hand and reads again from the checkpoint. */
  restart(reason: Error): void;
}

export function startShardReader(run: Run, shard: Shard): ShardReader {
  let isStopped = false;
  let attempt = new AbortController();

  async function read(): Promise<readonly string[] | undefined> {
    while (!isStopped) {
      attempt = new AbortController();
      try {
        return await readToEnd(run, shard, attempt.signal);
      } catch (error) {
        if (error !== attempt.signal.reason) throw error;
        if (!isStopped) run.trace({ did: 'shard', shardId: shard.shardId, became: 'rebalanced' });
      }
    }
    return undefined;
  }

  return {
    ended: read(),
    stop(reason) {
      isStopped = true;
      attempt.abort(reason);
    },
    restart: (reason) => attempt.abort(reason),
  };
}

/** Reads from the checkpoint until the shard is drained. Throws the signal's reason when that aborts first. */
async function readToEnd(run: Run, shard: Shard, signal: AbortSignal): Promise<readonly string[]> {
  const source = batches(run, shard, { poller: shardPoller(run, shard, signal), signal });
  for (;;) {
    const next = await source.next();
    signal.throwIfAborted();
    if (next.done) return next.value;
    await deliver(run, shard, { batch: next.value, signal });
  }
}
