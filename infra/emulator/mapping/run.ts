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
  /** What is known of the stream's shards. Outlives the run. */
  readonly shards: Map<string, Shard>;
  /** Of shards that were begun before this mapping, by their ids. */
  readonly checkpoints: Readonly<Record<string, string>>;
  /** How often it was asked whether the mapping has caught up. */
  asked(): number;
  /** Called when a shard may have caught up with the last question. */
  moved(): void;
  /** Called with what Lambda calls the LastProcessingResult. */
  processed(result: string): void;
  /** Called with a defect: the run cannot go on. */
  failed(error: unknown): void;
}

/** What the readers of the shards share while a mapping is enabled. */
export interface Run extends RunOptions {
  /** Notes that a shard had nothing more than what is delivered when question `asked` was asked. */
  caughtUp(shard: Shard, asked: number): void;
  /**
   * Whether a shard's reader was stopped because another took the shard over: then what its invocation did is not
   * known.
   */
  isRebalanced(signal: AbortSignal): boolean;
  /**
   * Resolves when the destination has it. Without a destination nothing is sent: then Lambda forgets the records too.
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
