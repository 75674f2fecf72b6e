import type { AnySinkStep, AnySourceStep, AnyTableStep, AnyTransformStep, Pipeline } from './pipeline.ts';
import { changesOf } from './steps.ts';
import { resolveStream, type StreamPlan, sameStream } from './streams.ts';

/** A step that writes to a stream. */
export interface Writer {
  readonly pipeline: Pipeline;
  readonly name: string;
  /** A transform or a table has `from`, a source has not. */
  readonly step: WritingStep;
}

type WritingStep = AnySourceStep | AnyTransformStep | AnyTableStep;

/** Lists the steps, of any pipeline, that write to a stream. */
export function writersOf(stream: StreamPlan, pipelines: readonly Pipeline[]): readonly Writer[] {
  return pipelines.flatMap((pipeline) =>
    [pipeline.sources, pipeline.transforms, pipeline.tables]
      .flatMap((steps) => Object.entries<WritingStep>(steps))
      .filter(([, step]) => {
        const to = outputOf(step);
        return to !== undefined && sameStream(resolveStream(pipeline, to, pipelines), stream);
      })
      .map(([name, step]) => ({ pipeline, name, step })),
  );
}

/** Returns the name of the stream that a step writes to. Undefined: it writes to none. */
export function outputOf(step: WritingStep | AnySinkStep): string | undefined {
  if ('to' in step) return step.to;
  return 'keep' in step ? changesOf(step)?.to : undefined;
}
