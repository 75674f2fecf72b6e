import { clientFault } from '../client-faults.ts';
import { sendDocument } from './destinations.ts';
import { lineage } from './lineage.ts';
import { backOff } from './pace.ts';
import type { DiscardedRecords, Run, RunOptions } from './run.ts';
import { type ShardReading, startReading } from './shard-reading.ts';

/** A mapping from when it is enabled until it is disabled, changed or deleted. */
export interface MappingRun {
  /** Resolves to true when each shard has its starting position, or to false when the run was stopped before. */
  readonly started: Promise<boolean>;
  /** Resolves when no invocation is under way. */
  stop(): Promise<void>;
  isReading(shardId: string): boolean;
  isCaughtUpWith(asked: number): boolean;
  rebalance(shardId?: string): void;
}

export function startRun(options: RunOptions): MappingRun {
  const { shards, trace } = options;
  const readings = new Map<string, ShardReading>();
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
  const family = lineage(run, stopping.signal);
  const started = guarded(async () => {
    await family.discover();
    readReadyShards();
    return true;
  });

  /** Runs until it is done or stopped; a defect is told once. */
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
    for (const shard of family.ready()) {
      if (readings.has(shard.shardId) || stopping.signal.aborted) continue;
      trace({ did: 'shard', shardId: shard.shardId, became: 'reading' });
      const reading = startReading(run, shard);
      readings.set(shard.shardId, reading);
      void guarded(async () => {
        const children = await reading.ended;
        if (children === undefined) return;
        shard.isDrained = true;
        readings.delete(shard.shardId);
        trace({ did: 'shard', shardId: shard.shardId, became: 'drained' });
        await family.discover(shard.shardId, children);
        readReadyShards();
        options.moved();
      });
    }
  }

  return {
    started,
    async stop() {
      stopping.abort(new Error('the mapping was stopped'));
      for (const reading of readings.values()) reading.stop(stopping.signal.reason);
      await Promise.allSettled([started, ...[...readings.values()].map(({ ended }) => ended)]);
    },
    isReading: (shardId) => readings.has(shardId),
    isCaughtUpWith(asked) {
      const open = [...shards.values()].filter(({ isDrained }) => !isDrained);
      return shards.size > 0 && open.every(({ caughtUpWith }) => caughtUpWith >= asked);
    },
    rebalance(shardId) {
      for (const [id, reading] of readings) {
        if (shardId === undefined || shardId === id) reading.restart(rebalanced);
      }
    },
  };
}

const rebalanced = new Error('another poller took the shard over');

/**
 * AWS does not say how long Lambda tries. Here it tries until it can: nothing is dropped because a queue is away for a
 * while.
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
