import type { Step } from '../step.ts';
import { lowestWatermark } from '../time/clock.ts';
import type { Batch } from './batch.ts';
import type { Done } from './batch-work.ts';

/** Writes the metrics of one processed batch. `started` is when its processing began, in milliseconds since 1970. */
export function report(
  step: Step,
  shard: string,
  of: { readonly batch: Batch; readonly done: Done; readonly started: number },
): void {
  const { done, started } = of;
  const { part: batch = of.batch, dueMillis } = done;
  const now = step.now();
  const watermark = batch.time && lowestWatermark(batch.time.clock);
  step.report(shard, {
    eventsIn: batch.events.length + batch.rejections.length + batch.counts.alreadySeen,
    eventsOut: done.eventsOut,
    rejected: done.rejected,
    alreadySeen: batch.counts.alreadySeen,
    bytesIn: batch.counts.bytes,
    bytesOut: done.bytesOut,
    ...(batch.arrivalMillis === 0 ? {} : { lagMillis: Math.max(0, now - batch.arrivalMillis) }),
    ...(watermark === undefined || !Number.isFinite(watermark)
      ? {}
      : { watermarkLagMillis: Math.max(0, now - watermark) }),
    ...(dueMillis === undefined ? {} : { overdueMillis: Math.max(0, now - dueMillis) }),
    durationMillis: now - started,
  });
}
