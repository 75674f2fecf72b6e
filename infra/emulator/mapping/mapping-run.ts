import { clientFault } from '../client-faults.ts';
import { sendDocument } from './destinations.ts';
import { lineage } from './lineage.ts';
import { backOff } from './pace.ts';
import type { DiscardedRecords, Run, RunOptions } from './run.ts';
import { type ShardReader, startShardReader } from './shard-reader.ts';

/** A mapping's work from when it is enabled until it is disabled, changed or deleted. */
export interface MappingRun {
  /** Resolves to true when each shard has its starting position, to false when the run was stopped first. */
  readonly started: Promise<boolean>;
  /** Resolves when no invocation is under way. */
  stop(): Promise<void>;
  isReading(shardId: string): boolean;
  isCaughtUpWith(asked: number): boolean;
  rebalance(shardId?: string): void;
}

export function startRun(options: RunOptions): MappingRun {
  const { shards, trace } = options;
  const readers = new Map<string, ShardReader>();
  const stopping = new AbortController();
  const run: Run = {
    ...options,
    caughtUp(shard, asked) {
      if (asked <= shard.caughtUpWith) return;
      shard.caughtUpWith = asked;
      options.moved();
    },
    isRebalanced: (signal) => signal.reason === rebalanced,
    sendDiscarded: (discarded, signal) => sendDiscarded(run, discarded, signal),
  };
  const shardLineage = lineage(run, stopping.signal);
  const started = guarded(async () => {
    await shardLineage.discover();
    readReadyShards();
    return true;
  });

  /** Runs `work`. Resolves to false when the run was stopped, or when a defect was reported to `options.failed`. */
  async function guarded<Result>(work: () => Promise<Result>): Promise<Result | false> {
    try {
      return await work();
    } catch (error) {
      if (stopping.signal.aborted) return false;
      options.failed(error);
      return false;
    }
  }

  function readReadyShards(): void {
    for (const shard of shardLineage.ready()) {
      if (readers.has(shard.shardId) || stopping.signal.aborted) continue;
      trace({ did: 'shard', shardId: shard.shardId, became: 'reading' });
      const reader = startShardReader(run, shard);
      readers.set(shard.shardId, reader);
      void guarded(async () => {
        const children = await reader.ended;
        if (children === undefined) return;
        shard.isDrained = true;
        readers.delete(shard.shardId);
        trace({ did: 'shard', shardId: shard.shardId, became: 'drained' });
        await shardLineage.discover(shard.shardId, children);
        readReadyShards();
        options.moved();
      });
    }
  }

  return {
    started,
    async stop() {
      stopping.abort(new Error('the mapping was stopped'));
      for (const reader of readers.values()) reader.stop(stopping.signal.reason);
      await Promise.allSettled([started, ...[...readers.values()].map(({ ended }) => ended)]);
    },
    isReading: (shardId) => readers.has(shardId),
    isCaughtUpWith(asked) {
      const open = [...shards.values()].filter(({ isDrained }) => !isDrained);
      return shards.size > 0 && open.every(({ caughtUpWith }) => caughtUpWith >= asked);
    },
    rebalance(shardId) {
      for (const [id, reader] of readers) {
        if (shardId === undefined || shardId === id) reader.restart(rebalanced);
      }
    },
  };
}

const rebalanced = new Error('another poller took the shard over');

/**
 * Sends discarded records to the destination, and retries until that succeeds. AWS does not say how long Lambda tries.
 */
async function sendDiscarded(run: Run, { shard, ...discarded }: DiscardedRecords, signal: AbortSignal): Promise<void> {
  const { clock, configuration, destinations, pace, random, trace, uuid: mapping } = run;
  const destinationArn = configuration.DestinationConfig.OnFailure.Destination;
  if (destinationArn === undefined) return;
  const { EventSourceArn: streamArn, FunctionArn: functionArn } = configuration;
  for (let attempt = 1; ; attempt++) {
    const document = { ...discarded, shardId: shard.shardId, streamArn, functionArn, nowMillis: clock.now() };
    try {
      return await sendDocument(destinations, document, { destinationArn, mapping, random });
    } catch (error) {
      const fault = clientFault(error);
      if (fault === undefined) throw error;
      const afterMillis = backOff(pace, attempt, random);
      trace({ did: 'discard-failed', shardId: shard.shardId, error: fault, afterMillis });
      await clock.sleep(afterMillis, signal);
    }
  }
}
