import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { Clock } from '../clock.ts';
import type { Invoke } from '../invoke.ts';
import { LambdaError } from '../lambda-error.ts';
import { randomUuid } from '../random-uuid.ts';
import type { Trace } from '../trace.ts';
import { mappingArn } from './arns.ts';
import {
  type MappingChanges,
  type MappingConfiguration,
  type MappingRequest,
  parseChanges,
  parseRequest,
} from './configuration.ts';
import { type DestinationClients, refuseWithoutClient } from './destinations.ts';
import { isStreamMissing } from './lineage.ts';
import { type MappingNames, openMappingNames } from './mapping-names.ts';
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
  /**
   * The mappings of the same account: a second one of the same function and stream is refused. By default the mapping
   * is the only one of its account.
   */
  readonly names?: MappingNames;
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
  readonly EventSourceMappingArn: string;
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
   * missed, whatever the starting position. Rejects with Lambda's InvalidParameterValueException when a new mapping's
   * stream does not exist: then there is no mapping, and every other call throws that too.
   */
  settled(): Promise<void>;
  /**
   * Resolves when all records that were in the stream at this call are processed or discarded. Rejects when the mapping
   * is deleted first, and as `settled` does when the stream does not exist.
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
 * - A stream that does not exist is refused with InvalidParameterValueException (400), the same function and stream in
 *   two mappings of `names` with ResourceConflictException (409).
 * - The last retry comes when the newest record of the batch is about to become too old: the back-off before it ends
 *   early. With an age of 60 s, a function that always fails is called about eight times (seen).
 * - A shard is read when its parents are drained. A child is read from its start.
 * - Delivery is at least once: see `rebalance`.
 *
 * *Differences from AWS.*
 * - What `parseRequest` lists is refused. There are no metrics, no encryption of filters and no provisioned pollers.
 * - The stream is looked for after `startMapping` has returned, so that error comes from `settled` and `caughtUp`. A
 *   mapping that starts disabled, or stands in for another one, does not look: it waits for its stream.
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
  const names = options.names ?? openMappingNames();
  takeName(parsed.configuration);
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
  let refusal: LambdaError | undefined;
  trace({ did: 'state', state });
  let transition = parsed.enabled ? create() : becomes('Disabled');
  // Whoever waits for `settled` gets the error: nobody has to.
  transition.catch(() => undefined);

  function takeName({ FunctionArn, EventSourceArn }: MappingConfiguration): void {
    names.take({ uuid, functionArn: FunctionArn, streamArn: EventSourceArn });
  }

  function becomes(next: MappingState, why = 'User action'): Promise<void> {
    state = next;
    reason = why;
    trace({ did: 'state', state });
    return Promise.resolve();
  }

  /** Starts a new mapping. Rejects when its stream does not exist: Lambda then makes no mapping. */
  async function create(): Promise<void> {
    await start(options.standsInFor === undefined);
    if (refusal !== undefined) throw refusal;
  }

  function forget(): void {
    isDeleted = true;
    names.free(uuid);
  }

  async function start(isNew = false): Promise<void> {
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
      failed: isNew ? refuseOrStopFor : stopFor,
      isNew,
    });
    if (await run.started) await becomes('Enabled');
  }

  function refuseOrStopFor(error: unknown): void {
    if (!isStreamMissing(error)) {
      stopFor(error);
      return;
    }
    refusal = new LambdaError('InvalidParameterValueException', `Stream not found: ${configuration.EventSourceArn}`);
    forget();
    void run?.stop();
    rejectWaiters(refusal);
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
    refuseInTransition(verb);
    lastModified = new Date(clock.now());
    transition = work();
    return transition;
  }

  function refuseInTransition(verb: 'update' | 'delete'): void {
    refuseDeleted();
    if (state === 'Enabled' || state === 'Disabled') return;
    throw new LambdaError(
      'ResourceInUseException',
      `Cannot ${verb} the event source mapping because it is in use: its State is ${state}`,
    );
  }

  function refuseDeleted(): void {
    if (refusal !== undefined) throw refusal;
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
    refuseInTransition('update');
    takeName(next.configuration);
    await change('update', async () => {
      await becomes(isEnabled === wasEnabled ? 'Updating' : isEnabled ? 'Enabling' : 'Disabling');
      await stop();
      configuration = next.configuration;
      if (isEnabled) await start();
      else await becomes('Disabled');
    });
  }

  return {
    state() {
      if (refusal !== undefined) throw refusal;
      return {
        ...configuration,
        UUID: uuid,
        EventSourceMappingArn: mappingArn(configuration.FunctionArn, uuid),
        State: state,
        StateTransitionReason: reason,
        LastProcessingResult: lastResult,
        LastModified: lastModified,
        shards: [...shards.values()].map((shard) => shardStatus(shard, run)),
      };
    },
    settled: () => transition,
    async caughtUp() {
      refuseDeleted();
      await new Promise<void>((resolve, reject) => {
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
        forget();
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
