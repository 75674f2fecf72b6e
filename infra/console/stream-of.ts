import type { StreamPlan } from '../pipelines/streams.ts';

/** Names a stream as the pages link to it: `<pipeline>/<stream>`, or the ARN of one that exists without us. */
export function streamOf(stream: StreamPlan): string {
  return stream.kind === 'own' ? `${stream.pipeline}/${stream.name}` : stream.arn;
}
