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
      .filter(([, step]) => writtenBy(step).some((to) => sameStream(resolveStream(pipeline, to, pipelines), stream)))
      .map(([name, step]) => ({ pipeline, name, step })),
  );
}

/** Lists the names of the streams that a step writes to. */
export function writtenBy(step: WritingStep | AnySinkStep): readonly string[] {
  if ('read' in step) return typeof step.to === 'string' ? [step.to] : [...new Set(Object.values(step.to))];
  if ('to' in step) return [step.to];
  const changes = 'keep' in step ? changesOf(step) : undefined;
  return changes === undefined ? [] : [changes.to];
}
