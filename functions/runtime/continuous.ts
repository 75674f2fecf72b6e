import type { KinesisStreamBatchResponse, KinesisStreamEvent, KinesisStreamRecord } from 'aws-lambda';
import type { Batch } from './batch.ts';
import { endDrainedInputs } from './drained.ts';
import { finished, toFinish } from './finish.ts';
import { type Input, type ShardInput, withShard } from './input.ts';
import type { LogRecord } from './record-codec/record.ts';
import type { LoadedState } from './shard-states.ts';
import { tryRecords } from './single-out.ts';
import { deadlineOf, type Invocation, type Step } from './step.ts';

/** What a continuous step does with one batch: makes it durable, commits, and answers with the committed state and what it sent. */
export type Work = (batch: Batch, shard: ShardInput, turn: Turn) => Promise<Done>;

export interface Turn {
  readonly signal: AbortSignal;
  /** To be said when nothing that the events hold can kill the process any more, if the work comes to such a point before it commits. */
  harmless(): Promise<void>;
}

export interface Done {
  readonly loaded: LoadedState;
  readonly eventsOut: number;
  readonly bytesOut: number;
  readonly rejected: number;
}

/**
 * One invocation of an event source mapping: a batch of one shard. When it cannot be done, all of it is asked for again, by the first
 * sequence number: a throw would make Lambda halve the batch, which helps against nothing that is the world's fault.
 */
export async function runContinuous(
  step: Step,
  input: Input,
  given: {
    readonly event: KinesisStreamEvent;
    readonly invocation: Invocation;
    readonly work: Work;
    /** Whether what the work sends may be in the world without the position having moved: then a pause waits for that. */
    readonly finishes: boolean;
  },
): Promise<KinesisStreamBatchResponse> {
  const { Records: offered } = given.event;
  const [first] = offered;
  if (first === undefined) return { batchItemFailures: [] };
  const shardId = first.eventID.slice(0, first.eventID.indexOf(':'));
  const signal = deadlineOf(given.invocation);
  const started = step.now();
  /** Resolves to what is left of them when the time is over before all is done. */
  const work = async (of: readonly KinesisStreamRecord[]): Promise<LogRecord | undefined> => {
    const records = of.map(toLogRecord);
    let left: LogRecord | undefined;
    do {
      left = await withShard(input, { shardId, signal }, async (shard) => {
        const tried = await tryRecords({
          ...{ step, shard, shardId, records, signal },
          work: async (batch, harmless) => {
            const begun = step.now();
            await endDrainedInputs(step, { batch, shard }, signal);
            const done = await given.work(batch, shard, { signal, harmless });
            report(step, shard.key, { batch, done, started: begun });
            return done;
          },
        });
        return { loaded: tried.loaded, result: tried.left };
      });
    } while (left !== undefined && !signal.aborted);
    return left;
  };
  try {
    const pause = await step.pause.inForce(signal);
    if (pause === undefined) {
      return againFrom(await work(offered));
    }
    const rest = await step.pause.rest(shardId, pause, signal);
    const { records, held } = given.finishes
      ? toFinish(offered, { pause, rest, nowMillis: started })
      : { records: [], held: true };
    const left = records.length > 0 ? await work(records) : undefined;
    if (left !== undefined) return againFrom(left);
    await step.pause.note(shardId, { ...finished(rest, records), held }, signal);
    return againFrom(offered[records.length]?.kinesis);
  } catch (error) {
    step.complain(shardId, error);
    return againFrom(first.kinesis);
  }
}

function againFrom(record: { readonly sequenceNumber: string } | undefined): KinesisStreamBatchResponse {
  return { batchItemFailures: record === undefined ? [] : [{ itemIdentifier: record.sequenceNumber }] };
}

export function report(
  step: Step,
  shard: string,
  of: { readonly batch: Batch; readonly done: Done; readonly started: number },
): void {
  const { batch, done, started } = of;
  const now = step.now();
  step.report(shard, {
    eventsIn: batch.events.length + batch.rejections.length + batch.counts.alreadySeen,
    eventsOut: done.eventsOut,
    rejected: done.rejected,
    alreadySeen: batch.counts.alreadySeen,
    bytesIn: batch.counts.bytes,
    bytesOut: done.bytesOut,
    ...(batch.arrivalMillis === 0 ? {} : { lagMillis: Math.max(0, now - batch.arrivalMillis) }),
    durationMillis: now - started,
  });
}

function toLogRecord({ kinesis }: KinesisStreamEvent['Records'][number]): LogRecord {
  return {
    sequenceNumber: kinesis.sequenceNumber,
    partitionKey: kinesis.partitionKey,
    data: Buffer.from(kinesis.data, 'base64'),
    approximateArrivalMillis: Math.round(kinesis.approximateArrivalTimestamp * 1000),
  };
}
