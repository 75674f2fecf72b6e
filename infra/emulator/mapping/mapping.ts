import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { Clock } from '../clock.ts';
import type { Invoke } from '../invoke.ts';
import { LambdaError } from '../lambda-error.ts';
import { randomUuid } from '../random-uuid.ts';
import type { Trace } from '../trace.ts';
import {
  type MappingChanges,
  type MappingConfiguration,
  type MappingRequest,
  parseChanges,
  parseRequest,
} from './configuration.ts';
import { type DestinationClients, refuseWithoutClient } from './destinations.ts';
import { type MappingRun, startRun } from './mapping-run.ts';
import { lambdaPace, type Pace } from './pace.ts';
import type { Shard } from './shard.ts';

export interface MappingOptions {
  /** The parameters of CreateEventSourceMapping. Mistakes throw Lambda's errors. */
  readonly configuration: MappingRequest;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly invoke: Invoke;
  /** The client for the kind of destination that the configuration names. */
  readonly destinations: DestinationClients;
  readonly clock: Clock;
  readonly trace: Trace;
  /** A random number from 0 to below 1. All chance in a mapping comes from here. */
  readonly random: () => number;
  /** Lambda's by default. */
  readonly pace?: Partial<Pace>;
  /** The mapping of another Lambda that this one does the work of. A new mapping by default. */
  readonly standsInFor?: {
    readonly uuid: string;
    /** Its checkpoints in the shards that it has begun, by shard id. */
    readonly checkpoints: Readonly<Record<string, string>>;
  };
}

export type MappingState = 'Creating' | 'Enabling' | 'Enabled' | 'Disabling' | 'Disabled' | 'Updating' | 'Deleting';

/** The answer of GetEventSourceMapping, with the progress in each shard. */
export interface MappingStatus extends MappingConfiguration {
  readonly UUID: string;
  readonly State: MappingState;
  readonly StateTransitionReason: string;
  readonly LastProcessingResult: string;
  readonly LastModified: Date;
  readonly shards: readonly ShardStatus[];
}

export interface ShardStatus {
  readonly shardId: string;
  /** A shard waits while one of its parents is not drained. */
  readonly progress: 'waiting' | 'reading' | 'drained';
  /** All records up to and including this sequence number are processed or discarded. */
  readonly checkpoint: string | undefined;
  /** How far the last poll was behind the newest record, in milliseconds. */
  readonly behindMillis: number | undefined;
}

export interface Mapping {
  state(): MappingStatus;
  /**
   * Resolves when the state is no longer a transition (`Creating`, `Updating`, …). No record written after that is
   * missed, whatever the starting position.
   */
  settled(): Promise<void>;
  /**
   * Resolves when all records that were in the stream at this call are processed or discarded. Rejects when the mapping
   * is deleted first.
   */
  caughtUp(): Promise<void>;
  enable(): Promise<void>;
  /** Stops, and keeps the checkpoints. Resolves when the invocations under way have ended; their results count. */
  disable(): Promise<void>;
  /** Takes the parameters of UpdateEventSourceMapping. Resolves when they are in effect. */
  update(changes: MappingChanges): Promise<void>;
  /** Resolves when the invocations under way have ended. */
  delete(): Promise<void>;
  /**
   * Lets another poller take over the shard, or every shard, as Lambda does now and then on its own. It reads again
   * from the checkpoint. The result of an invocation under way is lost, so its records are delivered again, in batches
   * cut differently.
   */
  rebalance(shardId?: string): void;
}

/**
 * Starts Lambda's event source mapping from a Kinesis stream to a function.
 *
 * *Behaviour* (Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data Streams"; what was
 * seen on AWS only says so):
 * - A batch is from one shard, and the invocations of a shard follow each other. A batch ends at BatchSize, at 6 MB of
 *   payload with base64, when its window is over, when the shard has nothing more, or at the shard's end.
 * - A batch that fails holds its shard until it succeeds, MaximumRetryAttempts are used up, or its records are older
 *   than MaximumRecordAgeInSeconds. Throttles and service errors use no retry. The age is each record's own: of six
 *   records, five can be delivered and one discarded (seen).
 * - With ReportBatchItemFailures, the lowest reported sequence number is the checkpoint: it and all later records are
 *   delivered again. An identifier that is missing or not in the batch fails the whole batch.
 * - With BisectBatchOnFunctionError, an error halves the batch, which uses no retry. A report cuts the batch at the
 *   reported record, and retries are counted from there (seen).
 * - Discarded records go to the on-failure destination: a queue or topic gets a document that points to them, a bucket
 *   the payload too.
 * - A shard is read when its parents are drained. A child is read from its start.
 * - Delivery is at least once: see `rebalance`.
 *
 * *Differences from AWS.*
 * - What `parseRequest` lists is refused. There are no metrics, no encryption of filters and no provisioned pollers.
 * - An update is in effect when `update` resolves, and a start at LATEST misses no record after `settled`. In AWS both
 *   take up to minutes, in which a mapping at LATEST can miss records.
 * - An idle shard is polled once a second, as documented; one with more records every 200 ms.
 * - A retry comes after 1 s, doubling up to 60 s, less a random part. AWS documents no figures.
 * - A poller is replaced only when `rebalance` says so. In AWS it happens at any time.
 * - A record that no invocation can carry fails without a call, with status 413. AWS does not say what it does.
 * - A destination that fails is retried for ever. AWS does not say how long it tries.
 */
export function startMapping(options: MappingOptions): Mapping {
  const { clock, trace, random, kinesis, invoke, destinations } = options;
  const parsed = parseRequest(options.configuration, clock.now());
  refuseWithoutClient(parsed.configuration, destinations);
  const { uuid, checkpoints } = options.standsInFor ?? { uuid: randomUuid(random), checkpoints: {} };
  const shards = new Map<string, Shard>();
  let configuration = parsed.configuration;
  let state: MappingState = 'Creating';
  let reason = 'User action';
  let lastResult = 'No records processed';
  let lastModified = new Date(clock.now());
  let asked = 0;
  let isDeleted = false;
  let run: MappingRun | undefined;
  let waiters: Waiter[] = [];
  trace({ did: 'state', state });
  let transition = parsed.enabled ? start() : becomes('Disabled');

  function becomes(next: MappingState, why = 'User action'): Promise<void> {
    state = next;
    reason = why;
    trace({ did: 'state', state });
    return Promise.resolve();
  }

  async function start(): Promise<void> {
    run = startRun({
      configuration,
      kinesis,
      invoke,
      destinations,
      clock,
      trace,
      random,
      uuid,
      shards,
      checkpoints,
      pace: { ...lambdaPace, ...options.pace },
      asked: () => asked,
      moved: settleWaiters,
      processed: (result) => {
        lastResult = result;
      },
      failed: stopFor,
    });
    if (await run.started) await becomes('Enabled');
  }

  /** Stops for a defect of the emulator or of a client. Whoever waits for `caughtUp` gets the error. */
  function stopFor(error: unknown): void {
    void run?.stop();
    void becomes('Disabled', `PROBLEM: ${String(error)}`);
    rejectWaiters(error);
  }

  function rejectWaiters(error: unknown): void {
    for (const waiter of waiters) waiter.reject(error);
    waiters = [];
  }

  function settleWaiters(): void {
    const isDone = (waiter: Waiter) => run?.isCaughtUpWith(waiter.ticket) ?? false;
    const done = waiters.filter(isDone);
    if (done.length === 0) return;
    waiters = waiters.filter((waiter) => !done.includes(waiter));
    for (const waiter of done) waiter.resolve();
  }

  /** Begins a change. Lambda refuses one while another is under way. */
  function change(verb: 'update' | 'delete', work: () => Promise<void>): Promise<void> {
    refuseDeleted();
    if (state !== 'Enabled' && state !== 'Disabled') {
      throw new LambdaError(
        'ResourceInUseException',
        `Cannot ${verb} the event source mapping because it is in use: its State is ${state}`,
      );
    }
    lastModified = new Date(clock.now());
    transition = work();
    return transition;
  }

  function refuseDeleted(): void {
    if (isDeleted)
      throw new LambdaError(
        'ResourceNotFoundException',
        `no event source mapping has the UUID ${uuid}: it was deleted`,
      );
  }

  async function stop(): Promise<void> {
    const stopping = run;
    run = undefined;
    await stopping?.stop();
  }

  async function update(changes: MappingChanges): Promise<void> {
    refuseDeleted();
    const next = parseChanges(configuration, changes);
    refuseWithoutClient(next.configuration, destinations);
    const wasEnabled = state === 'Enabled';
    const isEnabled = next.enabled ?? wasEnabled;
    await change('update', async () => {
      await becomes(isEnabled === wasEnabled ? 'Updating' : isEnabled ? 'Enabling' : 'Disabling');
      await stop();
      configuration = next.configuration;
      if (isEnabled) await start();
      else await becomes('Disabled');
    });
  }

  return {
    state: () => ({
      ...configuration,
      UUID: uuid,
      State: state,
      StateTransitionReason: reason,
      LastProcessingResult: lastResult,
      LastModified: lastModified,
      shards: [...shards.values()].map((shard) => shardStatus(shard, run)),
    }),
    settled: () => transition,
    caughtUp() {
      refuseDeleted();
      return new Promise((resolve, reject) => {
        waiters.push({ ticket: ++asked, resolve, reject });
      });
    },
    async enable() {
      if (state !== 'Enabled') await update({ Enabled: true });
    },
    async disable() {
      if (state !== 'Disabled') await update({ Enabled: false });
    },
    update,
    async delete() {
      await change('delete', async () => {
        await becomes('Deleting');
        await stop();
        isDeleted = true;
        rejectWaiters(new Error(`the event source mapping ${uuid} was deleted before it had caught up`));
      });
    },
    rebalance: (shardId) => run?.rebalance(shardId),
  };
}

interface Waiter {
  readonly ticket: number;
  resolve(): void;
  reject(error: unknown): void;
}

function shardStatus(
  { shardId, isDrained, checkpoint, behindMillis }: Shard,
  run: MappingRun | undefined,
): ShardStatus {
  const progress = isDrained ? 'drained' : run?.isReading(shardId) ? 'reading' : 'waiting';
  return { shardId, progress, checkpoint, behindMillis };
}
