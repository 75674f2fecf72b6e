import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { recordAt } from '../../../functions/runtime/log/record-at.ts';
import type { StreamPlan } from '../../pipelines/streams.ts';
import type { Target } from '../target.ts';

/** An event in the log, and which stream of the pipelines holds it. */
export interface TracedEvent {
  readonly stream: StreamPlan;
  readonly shard: string;
  readonly event: ReceivedEvent;
  /** When its record arrived. */
  readonly arrivedMillis: number;
}

/** Names a stream for people: `sensors/clean`, or the ARN of one that exists without us. */
export function streamTitle(stream: StreamPlan): string {
  return stream.kind === 'own' ? `${stream.pipeline}/${stream.name}` : stream.arn;
}

/** Adds to an event when its record arrived. */
export async function traced(
  { event, shard }: Pick<TracedEvent, 'event' | 'shard'>,
  stream: StreamPlan,
  { target, signal }: { readonly target: Target; readonly signal: AbortSignal },
): Promise<TracedEvent> {
  const { kinesis } = target.clients;
  const record = await recordAt({ kinesis, stream: target.streamName(stream), shardId: shard, signal }, event.position);
  return { stream, shard, event, arrivedMillis: record?.approximateArrivalMillis ?? 0 };
}
