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
  /** What CreateEventSourceMapping takes; refused as Lambda refuses it. */
  readonly configuration: MappingRequest;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly invoke: Invoke;
  /** One for the kind of destination that the configuration names. */
  readonly destinations: DestinationClients;
  readonly clock: Clock;
  readonly trace: Trace;
  /** From 0 to below 1. All chance in a mapping comes from here. */
  readonly random: () => number;
  /** Lambda's, without it. */
  readonly pace?: Partial<Pace>;
  /** A mapping elsewhere that this one stands in for. A new one, without it. */
  readonly standsInFor?: {
    readonly uuid: string;
    /** Where it stands in the shards that it has begun, by their ids. */
    readonly checkpoints: Readonly<Record<string, string>>;
  };
}

export type MappingState = 'Creating' | 'Enabling' | 'Enabled' | 'Disabling' | 'Disabled' | 'Updating' | 'Deleting';

/** What GetEventSourceMapping answers, and where each shard stands. */
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
  /** All up to and including this one are done or discarded. */
  readonly checkpoint: string | undefined;
  /** How far the last poll was behind the newest record. */
  readonly behindMillis: number | undefined;
}

export interface Mapping {
  state(): MappingStatus;
  /**
   * Resolves when the state is not one in between (`Creating`, `Updating`, …): from then on no record is missed,
   * whatever the starting position.
   */
  settled(): Promise<void>;
  /**
   * Resolves when all that was in the stream at this call is done or discarded. Rejects when the mapping is deleted
   * before.
   */
  caughtUp(): Promise<void>;
  enable(): Promise<void>;
  /** Keeps the position. Resolves when the invocations under way have ended; what they did counts. */
  disable(): Promise<void>;
  /** What UpdateEventSourceMapping takes. Resolves when it is in effect. */
  update(changes: MappingChanges): Promise<void>;
  /** Resolves when nothing of it runs any longer. */
  delete(): Promise<void>;
  /**
   * What Lambda does now and then on its own: another poller takes the shard over (every shard, without one named) and
   * reads again from the checkpoint. The result of an invocation under way is lost, so its records come again, in
   * batches cut differently.
   */
  rebalance(shardId?: string): void;
}

/**
 * Starts Lambda's event source mapping from a Kinesis stream to a function. It is `Creating` at first, then `Enabled`.
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

  /**
   * A defect of the emulator or of a client it was given: nothing Lambda's users can see, so everything waiting is
   * told.
   */
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

  /** Lambda refuses a change while another is under way. */
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
