import type { KinesisStreamBatchResponse, KinesisStreamEvent, KinesisStreamRecord } from 'aws-lambda';
import { type Batch, deduplicate } from '../batches/batch.ts';
import type { BatchWork, Done, Turn } from '../batches/batch-work.ts';
import { endDrainedInputs } from '../batches/drained-inputs.ts';
import { report } from '../batches/report.ts';
import { positionOfShard, type ShardInput, withShard } from '../batches/shard-input.ts';
import { traitsOf } from '../batches/step-kind.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import { firstUnfinished } from '../log/portion.ts';
import { noteGap } from '../on-failure/gaps.ts';
import { recordsToFinish, restAfter } from '../pause/drain.ts';
import type { ActivePause } from '../pause/pause.ts';
import { isSteady, noteSteady } from '../poison/attempt.ts';
import { processGuarded } from '../poison/isolate.ts';
import { type LogRecord, toLogRecord } from '../record-codec/record.ts';
import { catchUpBesideBatch } from '../rewind/catch-up-step.ts';
import { skipBatch } from '../rewind/skip-batch.ts';
import { deadlineOf, type Invocation } from '../step.ts';
import { inDoubt } from '../versions/number-batch.ts';
import { giveUpExpiring } from './expiring.ts';
import type { Unfinished } from './give-up.ts';
import { missedRecords } from './missed-records.ts';
import { reportWaiting } from './report-waiting.ts';
import { noteWaiting, reportTrimmedRange } from './trimmed-range.ts';

/**
 * Handles one delivery of an event source mapping: a batch of one shard. Decides whether the step is paused, whether
 * the shard is being rewound, or whether the batch is an ordinary one, and answers with the first record that Lambda
 * has to deliver again, if there is one.
 *
 * Catches every error and asks for the whole batch again. An error thrown to Lambda would make Lambda halve the batch,
 * which does not help when the error is the fault of a service or of the configuration.
 */
export async function runContinuous(
  batchWork: BatchWork,
  { event, invocation }: { readonly event: KinesisStreamEvent; readonly invocation: Invocation },
): Promise<KinesisStreamBatchResponse> {
  const [first] = event.Records;
  if (first === undefined) return retryFrom(undefined);
  const shardId = first.eventID.slice(0, first.eventID.indexOf(':'));
  const delivery: Delivery = { records: event.Records, shardId, invocation, signal: deadlineOf(invocation) };
  const { step, input } = batchWork;
  let isMadeAgain = false;
  const whileMadeAgain = (): void => {
    isMadeAgain = true;
  };
  const old = {
    ...delivery,
    step,
    input,
    process: (signal: AbortSignal) =>
      orRetry(batchWork, delivery, () => processUnlessPaused(batchWork, { ...delivery, signal }, whileMadeAgain)),
    commit: (batch: Batch, shard: ShardInput) =>
      commitAndReport(batchWork, { batch, shard }, { signal: delivery.signal, dataHandled: () => Promise.resolve() }),
  };
  const unfinished = await orRetry(batchWork, delivery, () => giveUpExpiring(old));
  if (unfinished !== undefined) {
    await noteWaiting(batchWork, { ...delivery, first }).catch(() => undefined);
    await reportWaiting(batchWork, { ...delivery, first, isMadeAgain }).catch(() => undefined);
  }
  return retryFrom(unfinished);
}

/** Logs any error of the work, and asks for the whole delivery again. */
async function orRetry({ step }: BatchWork, delivery: Delivery, work: () => Promise<Unfinished>): Promise<Unfinished> {
  try {
    return await work();
  } catch (error) {
    step.complain(delivery.shardId, error);
    return delivery.records[0]?.kinesis;
  }
}

async function processUnlessPaused(
  batchWork: BatchWork,
  delivery: Delivery,
  whileMadeAgain: () => void,
): Promise<Unfinished> {
  const pause = await batchWork.step.pause.inForce(delivery.signal);
  if (pause !== undefined) return drain(batchWork, delivery, pause);
  const isRebuilt = (await batchWork.rebuilt?.(delivery.invocation, delivery.signal)) ?? true;
  if (isRebuilt) return processDelivery(batchWork, delivery);
  // The mapping keeps the batch and offers it again, as in a pause.
  whileMadeAgain();
  return delivery.records[0]?.kinesis;
}

/** The records of one shard that Lambda delivers to one invocation; while a paused step drains, only the first ones. */
interface Delivery {
  readonly records: readonly KinesisStreamRecord[];
  readonly shardId: string;
  readonly invocation: Invocation;
  readonly signal: AbortSignal;
}

function retryFrom(unfinished: Unfinished): KinesisStreamBatchResponse {
  return { batchItemFailures: unfinished === undefined ? [] : [{ itemIdentifier: unfinished.sequenceNumber }] };
}

/**
 * Processes a delivery of a step that is not paused. An ordinary batch takes one round. A batch of several portions, or
 * one in which the step looks for a poison record, takes as many as fit into the time, each with a part of the batch.
 */
async function processDelivery(batchWork: BatchWork, delivery: Delivery): Promise<Unfinished> {
  const { shardId, invocation, signal } = delivery;
  const records = delivery.records.map(toLogRecord);
  for (;;) {
    const { isRewound, unfinished } = await withShard(batchWork.input, { shardId, signal }, (shard) => {
      const at: AtShard = { shard, shardId, records, signal };
      return shard.loaded.state.rewind === undefined ? processBatch(batchWork, at) : acknowledge(batchWork, at);
    });
    if (isRewound) await catchUpBesideBatch(batchWork, invocation, signal);
    if (isRewound || unfinished === undefined || signal.aborted) return unfinished;
  }
}

/** Records, and the shard that they come from, as it was just loaded. */
interface AtShard {
  readonly shard: ShardInput;
  readonly shardId: string;
  readonly records: readonly LogRecord[];
  readonly signal: AbortSignal;
}

interface HandledRecords {
  readonly loaded: LoadedState;
  readonly result: { readonly isRewound: boolean; readonly unfinished: Unfinished };
}

/** Processes a batch of a shard that is not being rewound: deduplicate, process, commit, report. */
async function processBatch(
  batchWork: BatchWork,
  { shard: opened, shardId, records, signal }: AtShard,
): Promise<HandledRecords> {
  const { step, input } = batchWork;
  const first = records[0] as LogRecord;
  const missed = await missedRecords(batchWork, { shard: opened, shardId, first, signal });
  const shard = missed.isInDoubt ? { ...opened, loaded: inDoubt(opened.loaded) } : opened;
  const commit = (batch: Batch, dataHandled: Turn['dataHandled']) =>
    commitAndReport(batchWork, { batch, shard }, { signal, dataHandled });
  if (missed.records.length > 0) {
    const { loaded } = await processGuarded({ step, shard, shardId, records: missed.records, signal, process: commit });
    // The batch comes in a later round, once nothing is missing before it.
    return { loaded, result: { isRewound: false, unfinished: first } };
  }
  await reportTrimmedRange(batchWork, { shard, shardId, first, signal });
  await noteGap(step, input, { shard, first, signal });
  if (!isSteady(step, shard)) {
    // The first batch of this process, or one that may contain a poison record.
    const { loaded, unfinished } = await processGuarded({ step, shard, shardId, records, signal, process: commit });
    if (unfinished === undefined) input.reached(shard.key, loaded.state.position);
    return { loaded, result: { isRewound: false, unfinished } };
  }
  return step.lock.shared(async () => {
    const { loaded } = await commit(deduplicate(records, shard), () => Promise.resolve());
    noteSteady(step, shard.key, loaded);
    const unfinished = firstUnfinished(records, positionOfShard({ loaded }));
    if (unfinished === undefined) input.reached(shard.key, loaded.state.position);
    return { loaded, result: { isRewound: false, unfinished } };
  });
}

async function commitAndReport(
  batchWork: BatchWork,
  { batch, shard }: { readonly batch: Batch; readonly shard: ShardInput },
  turn: Turn,
): Promise<Done> {
  const { step } = batchWork;
  const started = step.now();
  await endDrainedInputs(step, { batch, shard }, turn.signal);
  const done = await batchWork.process(batch, shard, turn);
  report(step, shard.key, { batch, done, started });
  return done;
}

/** Acknowledges a batch of a shard that is being rewound, without processing the batch. */
async function acknowledge(batchWork: BatchWork, { shard, records, signal }: AtShard): Promise<HandledRecords> {
  const { loaded, isAcknowledged } = await skipBatch(batchWork, shard, { records, signal });
  return { loaded, result: { isRewound: true, unfinished: isAcknowledged ? undefined : records[0] } };
}

/** Processes what a paused step still has to finish, and asks for the rest of the delivery again. */
async function drain(batchWork: BatchWork, delivery: Delivery, pause: ActivePause): Promise<Unfinished> {
  const { step, input } = batchWork;
  const { records: offered, shardId, signal } = delivery;
  const { appendsBeforeCommit } = traitsOf(batchWork);
  // What a rewind sent last may still be in flight, so nobody can say that the shard is at rest.
  if (appendsBeforeCommit && (await input.stateOf(shardId, signal))?.rewind !== undefined) return offered[0]?.kinesis;
  const rest = await step.pause.rest(shardId, pause, signal);
  const toFinish = appendsBeforeCommit
    ? recordsToFinish(offered, { pause, rest, nowMillis: step.now() })
    : { records: [], isAtRest: true };
  const { records } = toFinish;
  const unfinished = records.length > 0 ? await processDelivery(batchWork, { ...delivery, records }) : undefined;
  if (unfinished !== undefined) return unfinished;
  await step.pause.note(shardId, restAfter(rest, toFinish), signal);
  return offered[records.length]?.kinesis;
}
