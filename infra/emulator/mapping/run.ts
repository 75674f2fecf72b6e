import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { Clock } from '../clock.ts';
import type { Invoke } from '../invoke.ts';
import type { Trace } from '../trace.ts';
import type { MappingConfiguration } from './configuration.ts';
import type { DestinationClients } from './destinations.ts';
import type { Discarded, Invocation } from './discarded.ts';
import type { Pace } from './pace.ts';
import type { BatchRecord } from './records.ts';
import type { Shard } from './shard.ts';

export interface RunOptions {
  readonly configuration: MappingConfiguration;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly invoke: Invoke;
  readonly destinations: DestinationClients;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly random: () => number;
  readonly pace: Pace;
  readonly uuid: string;
  /** The stream's shards and their checkpoints. Kept when the run ends. */
  readonly shards: Map<string, Shard>;
  /** The checkpoints of shards that an earlier mapping has begun, by shard id. */
  readonly checkpoints: Readonly<Record<string, string>>;
  /** The number of `caughtUp` calls so far. */
  asked(): number;
  /** Called when a shard has caught up or is drained. */
  moved(): void;
  /** Called with the new LastProcessingResult. */
  processed(result: string): void;
  /** Called with a defect, or the missing stream of a new mapping, after which the run cannot go on. */
  failed(error: unknown): void;
  /** True of a new mapping: its stream has to exist. Any other run waits for its stream, as for an outage. */
  readonly isNew: boolean;
}

/** The state that the readers of all shards share while a mapping is enabled. */
export interface Run extends RunOptions {
  /** Notes that a shard has delivered everything it had when `caughtUp` was called for the `asked`th time. */
  caughtUp(shard: Shard, asked: number): void;
  /**
   * True when a shard's reader was stopped because another poller took the shard over. Then the result of its
   * invocation is lost.
   */
  isRebalanced(signal: AbortSignal): boolean;
  /**
   * Resolves when the destination has stored it. Without a destination nothing is sent, as in Lambda.
   */
  sendDiscarded(discarded: DiscardedRecords, signal: AbortSignal): Promise<void>;
}

export interface DiscardedRecords {
  readonly shard: Shard;
  readonly records: readonly BatchRecord[];
  readonly condition: Discarded['condition'];
  readonly invocation: Invocation;
  readonly invokeCount: number;
}
