import type { Names } from '../names.ts';
import type { StreamPlan } from '../pipelines/streams.ts';

/** What a stream is called where a step names it: ours by its name, one that exists without us by its ARN. */
export function streamNameOf(stream: StreamPlan, names: Names): string {
  return stream.kind === 'existing' ? stream.arn : names.stream(stream.pipeline, stream.name);
}

export function streamArnOf(stream: StreamPlan, names: Names): string {
  return stream.kind === 'existing' ? stream.arn : names.arnOf('kinesis', `stream/${streamNameOf(stream, names)}`);
}
