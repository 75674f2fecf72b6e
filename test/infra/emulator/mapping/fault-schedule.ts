import {
  CreateStreamCommand,
  type KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { virtualClock } from '../../../../infra/emulator/clock.ts';
import type { InvokeResult } from '../../../../infra/emulator/invoke.ts';
import { logClient } from '../../../../infra/emulator/log/client.ts';
import { createLog } from '../../../../infra/emulator/log/log.ts';
import { type Mapping, startMapping } from '../../../../infra/emulator/mapping/mapping.ts';
import { traceLines } from '../../../../infra/emulator/trace.ts';
import { type DeliveryLedger, deliveryLedger, type LedgerDelivery } from './delivery-ledger.ts';
import { seededRandom } from './seeded-random.ts';
import { awsError, isGetRecords, queueArn, startMillis, streamArn } from './world.ts';

/** The outcome of one call of the function. */
export const outcomes = [
  'succeeds',
  'throws',
  'times out',
  'reports',
  'answers nonsense',
  'is throttled',
  'meets a service error',
  'loses the connection',
] as const;
export type Outcome = (typeof outcomes)[number];

/** The outcome of one GetRecords call. */
export const readFaults = ['none', 'throttled', 'expired', 'unavailable', 'reset'] as const;
export type ReadFault = (typeof readFaults)[number];

export const controls = ['rebalance', 'pause', 'update', 'split', 'merge'] as const;
export type Control = (typeof controls)[number];

/**
 * Everything that happens to a mapping of a stream with two shards. Plain data, so that a failing schedule can be
 * shrunk and stored.
 */
export interface FaultSchedule {
  readonly seed: number;
  readonly batchSize: number;
  readonly windowSeconds: number;
  /** −1 only in schedules in which nothing fails for ever. */
  readonly retries: number;
  readonly ageSeconds: number;
  readonly isBisecting: boolean;
  readonly isReporting: boolean;
  readonly writes: readonly { readonly afterMillis: number; readonly counts: readonly [number, number] }[];
  /** One outcome an invocation. Later invocations succeed. */
  readonly outcomes: readonly Outcome[];
  /** One outcome a GetRecords call. Later calls are answered. */
  readonly readFaults: readonly ReadFault[];
  readonly controls: readonly { readonly afterMillis: number; readonly control: Control }[];
  /** Records whose number is divisible by this always make the function throw. 0: no record does. */
  readonly poisonEvery: number;
  readonly refusedDocuments: number;
}

export interface ScheduleResult {
  /** The broken promises. Empty when all were kept. */
  readonly violations: readonly string[];
  readonly records: number;
  readonly invocations: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

/** Plays the schedule on a virtual clock until all records are delivered or discarded, and checks every delivery. */
export async function playSchedule(
  schedule: FaultSchedule,
  { isTraced }: { isTraced: boolean },
): Promise<ScheduleResult> {
  const clock = virtualClock({ startMillis });
  const log = logClient(createLog({ clock, seed: schedule.seed, limits: 'enforced' }));
  const trace: string[] = [];
  const counts: Record<string, number> = {};
  const ledger = deliveryLedger();
  const random = seededRandom(schedule.seed);
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  let invocations = 0;
  let refusals = schedule.refusedDocuments;
  let reads = 0;

  await log.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
  await clock.advance(200);
  await ledgerShards(log, ledger);

  const kinesis = {
    async send(command: { readonly input: object }) {
      if (isGetRecords(command)) {
        const fault = schedule.readFaults[reads++] ?? 'none';
        if (fault !== 'none') {
          count(`read ${fault}`);
          throw readErrors[fault]();
        }
      }
      return await log.send(command as never);
    },
  } as Pick<KinesisClient, 'send'>;

  const sqs = {
    async send({ input }: { readonly input: { readonly MessageBody?: string } }) {
      if (input.MessageBody === undefined) return { QueueUrl: 'queue' };
      if (refusals-- > 0) {
        count('document refused');
        throw awsError('ServiceUnavailable');
      }
      const document = JSON.parse(input.MessageBody);
      count(document.requestContext.condition);
      ledger.discarded(document, schedule.retries);
      return {};
    },
  } as never;

  async function invoke({ payload }: { payload: string }): Promise<InvokeResult> {
    const delivery = ledger.delivered(payload);
    const outcome = actual(schedule, { outcome: schedule.outcomes[invocations++], numbers: delivery.numbers });
    if (outcome !== 'succeeds') count(outcome);
    await clock.sleep(outcome === 'times out' ? 3_000 : 20);
    if (outcome === 'loses the connection') throw readErrors.reset();
    const result = results[outcome];
    if (result?.outcome === 'error') ledger.failed(delivery);
    return result ?? answered(delivery, outcome);
  }

  /** Lets the function return and report the records that it has not processed. */
  function answered(delivery: LedgerDelivery, outcome: Outcome): InvokeResult {
    const size = delivery.numbers.length;
    const failedAt = outcome === 'reports' ? Math.floor(random() * size) : 0;
    const isFailure = outcome !== 'succeeds' && schedule.isReporting;
    ledger.done(delivery, isFailure ? failedAt : size);
    if (isFailure) ledger.failed(delivery);
    const itemIdentifier = outcome === 'reports' ? delivery.sequenceNumbers[failedAt] : 7;
    const batchItemFailures = outcome === 'succeeds' ? [] : [{ itemIdentifier }];
    return { outcome: 'returned', payload: JSON.stringify({ batchItemFailures }) };
  }

  const writeLine = traceLines({ clock, write: (line) => trace.push(line) });
  const mapping = startMapping({
    configuration: {
      FunctionName: 'load',
      EventSourceArn: streamArn,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: schedule.batchSize,
      MaximumBatchingWindowInSeconds: schedule.windowSeconds,
      MaximumRetryAttempts: schedule.retries,
      MaximumRecordAgeInSeconds: schedule.ageSeconds,
      BisectBatchOnFunctionError: schedule.isBisecting,
      FunctionResponseTypes: schedule.isReporting ? ['ReportBatchItemFailures'] : [],
      DestinationConfig: { OnFailure: { Destination: queueArn } },
    },
    kinesis,
    invoke,
    clock,
    destinations: { sqs },
    random,
    trace: isTraced ? writeLine : () => undefined,
  });

  async function write(): Promise<void> {
    for (const { afterMillis, counts: perShard } of schedule.writes) {
      await clock.sleep(afterMillis);
      const Records = perShard.flatMap((records, half) =>
        Array.from({ length: records }, () => ({
          Data: Buffer.from(String(ledger.nextNumber())),
          PartitionKey: 'key',
          ExplicitHashKey: half === 0 ? '0' : upperHalf,
        })),
      );
      if (Records.length === 0) continue;
      const answer = await log.send(new PutRecordsCommand({ StreamName, Records }));
      ledger.wrote(answer.Records ?? []);
    }
  }

  async function control(): Promise<void> {
    await mapping.settled();
    for (const step of schedule.controls) {
      await clock.sleep(step.afterMillis);
      await steps[step.control]({ mapping, log, schedule, sleep: (millis) => clock.sleep(millis) });
      await ledgerShards(log, ledger);
      count(step.control);
    }
  }

  const whole = Promise.all([write(), control()]).then(() => mapping.caughtUp());
  await clock.runUntil(whole);
  await clock.runUntil(mapping.delete());
  return { violations: ledger.violations(), records: ledger.size(), invocations, counts, trace };
}

const StreamName = 'readings';

/** Throws for a batch with a poison record, where the call would have succeeded. */
function actual(
  { poisonEvery }: FaultSchedule,
  { outcome = 'succeeds', numbers }: { outcome: Outcome | undefined; numbers: readonly number[] },
): Outcome {
  const isPoisoned = poisonEvery > 0 && numbers.some((number) => number % poisonEvery === 0);
  return outcome === 'succeeds' && isPoisoned ? 'throws' : outcome;
}

const failure = { outcome: 'error', functionError: 'Unhandled', errorType: 'Error', message: 'no' } as const;

/** Picks one of the outcomes that do not depend on the batch. */
const results: Partial<Record<Outcome, InvokeResult>> = {
  throws: failure,
  'times out': failure,
  'is throttled': { outcome: 'throttled' },
  'meets a service error': { outcome: 'service-error' },
};
const upperHalf = String(2n ** 127n);

const readErrors: Record<Exclude<ReadFault, 'none'>, () => Error> = {
  throttled: () => awsError('ProvisionedThroughputExceededException'),
  expired: () => awsError('ExpiredIteratorException'),
  unavailable: () => awsError('InternalFailureException'),
  reset: () => Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
};

interface Stage {
  readonly mapping: Mapping;
  readonly log: Pick<KinesisClient, 'send'>;
  readonly schedule: FaultSchedule;
  readonly sleep: (millis: number) => Promise<void>;
}

const steps: Record<Control, (stage: Stage) => Promise<void>> = {
  rebalance: async ({ mapping }) => mapping.rebalance(),
  async pause({ mapping, sleep }) {
    await mapping.disable();
    await sleep(2_000);
    await mapping.enable();
  },
  update: ({ mapping, schedule }) => mapping.update({ BatchSize: Math.max(1, schedule.batchSize - 1) }),
  async split({ log, sleep }) {
    const [widest] = (await openShards(log)).sort((a, b) => (a.width < b.width ? 1 : -1));
    if (widest === undefined) return;
    const NewStartingHashKey = String(widest.first + widest.width / 2n);
    await log.send(new SplitShardCommand({ StreamName, ShardToSplit: widest.shardId, NewStartingHashKey }));
    await sleep(200);
  },
  async merge({ log, sleep }) {
    const [left, right] = (await openShards(log)).sort((a, b) => (a.first < b.first ? -1 : 1));
    if (left === undefined || right === undefined) return;
    const AdjacentShardToMerge = right.shardId;
    await log.send(new MergeShardsCommand({ StreamName, ShardToMerge: left.shardId, AdjacentShardToMerge }));
    await sleep(200);
  },
};

async function openShards(log: Pick<KinesisClient, 'send'>) {
  const { Shards = [] } = await log.send(new ListShardsCommand({ StreamName }));
  return Shards.filter((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined).map((shard) => {
    const first = BigInt(shard.HashKeyRange?.StartingHashKey ?? 0);
    const width = BigInt(shard.HashKeyRange?.EndingHashKey ?? 0) - first + 1n;
    return { shardId: shard.ShardId ?? '', first, width };
  });
}

async function ledgerShards(log: Pick<KinesisClient, 'send'>, ledger: DeliveryLedger): Promise<void> {
  const { Shards = [] } = await log.send(new ListShardsCommand({ StreamName }));
  for (const { ShardId = '', ParentShardId, AdjacentParentShardId } of Shards) {
    ledger.knowsParents(
      ShardId,
      [ParentShardId, AdjacentParentShardId].filter((parent) => parent !== undefined),
    );
  }
}
