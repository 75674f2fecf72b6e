import type { PipelinePlan, ReaderPlan } from './plan.ts';
import { type StreamPlan, sameStream } from './streams.ts';

/** A stream, and its readers that share the throughput of each shard: 2 MB/s and 5 reads a second for all together. */
export interface SharedStream {
  readonly stream: StreamPlan;
  readonly readers: readonly ReaderPlan[];
}

/** Two readers can keep up with a shard that is written at its limit of 1 MB/s. */
const COMFORTABLE = 2;

/**
 * Finds the streams that too many readers share. `plans` are those of all pipelines, because a stream may have readers
 * in several.
 */
export function crowdedStreams(plans: readonly PipelinePlan[]): readonly SharedStream[] {
  const sharing = plans
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.kind === 'source' || step.input.fanOut ? [] : [step]));
  const streams: SharedStream[] = [];
  for (const step of sharing) {
    const { stream } = step.input;
    if (streams.some((known) => sameStream(known.stream, stream))) continue;
    streams.push({ stream, readers: sharing.filter(({ input }) => sameStream(input.stream, stream)) });
  }
  return streams.filter(({ readers }) => readers.length > COMFORTABLE);
}

/** Says what is shared, by whom, and what to do. */
export function crowdedWarning({ stream, readers }: SharedStream): string {
  const name = stream.kind === 'own' ? `${stream.pipeline}/${stream.name}` : stream.arn;
  const names = readers.map(({ pipeline, name: step }) => `${pipeline}/${step}`).join(', ');
  const continuous = readers.filter(({ delivery }) => delivery === 'continuous');
  const fix =
    continuous.length === 0 ? 'run them less often' : 'give one of the continuous ones fanOut: true, for a fee';
  return `stream ${name} has ${readers.length} readers that share 2 MB/s and 5 reads a second of each shard: ${names}; ${fix}`;
}
