import type { Names } from '../names.ts';
import type { StreamPlan } from '../pipelines/streams.ts';

/** Names a stream: ours by its name, an existing one by its ARN. */
export function streamNameOf(stream: StreamPlan, names: Names): string {
  return stream.kind === 'existing' ? stream.arn : names.stream(stream.pipeline, stream.name);
}

export function streamArnOf(stream: StreamPlan, names: Names): string {
  return stream.kind === 'existing' ? stream.arn : names.arnOf('kinesis', `stream/${streamNameOf(stream, names)}`);
}
