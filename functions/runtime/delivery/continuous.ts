import type { KinesisStreamBatchResponse, KinesisStreamEvent, KinesisStreamRecord } from 'aws-lambda';
import type { BatchWork } from '../batches/batch-work.ts';
import { endDrainedInputs } from '../batches/drained-inputs.ts';
import { report } from '../batches/report.ts';
import { withShard } from '../batches/shard-input.ts';
import { noteGap } from '../on-failure/gaps.ts';
import { finished, toFinish } from '../pause/drain.ts';
import { tryRecords } from '../poison/isolate.ts';
import { type LogRecord, toLogRecord } from '../record-codec/record.ts';
import { catchUpBesideBatch } from '../rewind/catch-up-step.ts';
import { type Passed, passOn } from '../rewind/skip-batch.ts';
import { deadlineOf, type Invocation } from '../step.ts';

/**
 * One invocation of an event source mapping: a batch of one shard. When it cannot be done, all of it is asked for
 * again, by the first sequence number: a throw would make Lambda halve the batch, which helps against nothing that is
 * the world's fault.
 */
export async function runContinuous(
  batchWork: BatchWork,
  given: { readonly event: KinesisStreamEvent; readonly invocation: Invocation },
): Promise<KinesisStreamBatchResponse> {
  const { step, input } = batchWork;
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
    let rewound: Passed | undefined;
    do {
      left = await withShard(input, { shardId, signal }, async (shard) => {
        if (shard.loaded.state.rewind !== undefined) {
          rewound = await passOn(batchWork, shard, { records, signal });
          return { loaded: rewound.loaded, result: rewound.held ? records[0] : undefined };
        }
        if (records[0] !== undefined) await noteGap(step, input, { shard, first: records[0], signal });
        const tried = await tryRecords({
          step,
          shard,
          shardId,
          records,
          signal,
          work: async (batch, dataHandled) => {
            const begun = step.now();
            await endDrainedInputs(step, { batch, shard }, signal);
            const done = await batchWork.work(batch, shard, { signal, dataHandled });
            report(step, shard.key, { batch, done, started: begun });
            return done;
          },
        });
        return { loaded: tried.loaded, result: tried.left };
      });
    } while (left !== undefined && rewound === undefined && !signal.aborted);
    if (rewound !== undefined) await catchUpBesideBatch(batchWork, given.invocation, signal);
    return left;
  };
  try {
    const pause = await step.pause.inForce(signal);
    if (pause === undefined) {
      return againFrom(await work(offered));
    }
    // What was pulled last may be in flight: nobody here can say that the shard is at rest.
    if (batchWork.finishes && (await input.stateOf(shardId, signal))?.rewind !== undefined)
      return againFrom(first.kinesis);
    const rest = await step.pause.rest(shardId, pause, signal);
    const { records, held } = batchWork.finishes
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
