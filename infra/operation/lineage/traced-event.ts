import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { StreamPlan } from '../../pipelines/streams.ts';

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
