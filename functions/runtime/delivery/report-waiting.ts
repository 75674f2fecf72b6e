import type { KinesisStreamRecord } from 'aws-lambda';
import type { BatchWork } from '../batches/batch-work.ts';
import { shardKey } from '../checkpoints/shard-states.ts';
import { NOTHING_DONE } from '../metrics.ts';
import { toLogRecord } from '../record-codec/record.ts';

/**
 * Writes the metrics of a call that leaves its records unprocessed, of a step whose data may have to be made again. The
 * alarm on the lag of such a step looks at these, in place of Lambda's: while the data are made again, the records have
 * to wait, and that is no fault until they have waited for half of the stream's retention.
 */
export async function reportWaiting(
  { step, input, rebuilt }: Pick<BatchWork, 'step' | 'input' | 'rebuilt'>,
  call: {
    readonly shardId: string;
    readonly first: KinesisStreamRecord;
    readonly isMadeAgain: boolean;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  if (rebuilt === undefined) return;
  const { shardId, isMadeAgain, signal } = call;
  const shape = await input.shape(signal);
  const waitedMillis = Math.max(0, step.now() - toLogRecord(call.first).approximateArrivalMillis);
  const isExpected = isMadeAgain && waitedMillis < shape.retentionMillis / 2;
  const isTimed = step.config.time !== undefined;
  step.report(shardKey(shape, shardId), {
    ...NOTHING_DONE,
    ...(isExpected ? {} : { lagMillis: waitedMillis }),
    ...(isExpected && isTimed ? { watermarkLagMillis: 0 } : {}),
  });
}
