import { UserMistake } from '../../functions/runtime/errors.ts';
import type { StepConfig } from '../../functions/runtime/step-config.ts';
import type { Pipeline } from './pipeline.ts';
import { type OwnStreamPlan, resolveStream, type StreamPlan, sameStream } from './streams.ts';
import { changesOf } from './table-mistakes.ts';

/** Which ticks the readers of a stream wait for. */
export type TimePlan = NonNullable<StepConfig['time']>;

/**
 * Plans how time comes to the tables with windows. A stream that sources write gets a tick each minute, the transforms
 * behind it pass the ticks on, and only streams on the way to such a table have any.
 */
export interface TimePlans {
  /** Returns which ticks the readers of a stream wait for. Undefined: nobody downstream needs the time. */
  of(stream: StreamPlan): TimePlan | undefined;
  /** Tells whether the scheduled function appends ticks to the stream. */
  isTicked(stream: OwnStreamPlan): boolean;
}

export function timePlans(pipelines: readonly Pipeline[]): TimePlans {
  const timed = timedStreams(pipelines);
  const isTimed = (stream: StreamPlan): boolean => timed.some((one) => sameStream(one, stream));
  const planOf = (stream: StreamPlan): TimePlan => {
    const steps = stepsInto(stream, pipelines).map(({ name }) => name);
    return { steps: steps.sort(), scheduled: steps.length === 0 || hasSource(stream, pipelines) };
  };
  return {
    of: (stream) => (isTimed(stream) ? planOf(stream) : undefined),
    isTicked: (stream) => isTimed(stream) && planOf(stream).scheduled,
  };
}

/** Lists the streams that a table with windows reads, and those before them. Throws for one that can have no ticks. */
function timedStreams(pipelines: readonly Pipeline[]): readonly StreamPlan[] {
  const timed: StreamPlan[] = [];
  const add = (stream: StreamPlan, table: string): void => {
    if (timed.some((one) => sameStream(one, stream))) return;
    if (stream.kind === 'existing') throw noTicks(stream.arn, table);
    timed.push(stream);
    for (const { input } of stepsInto(stream, pipelines)) add(input, table);
  };
  for (const pipeline of pipelines)
    for (const [name, { from, keep }] of Object.entries(pipeline.tables))
      if (keep.windows !== undefined) add(resolveStream(pipeline, from, pipelines), `${pipeline.name}/${name}`);
  return timed;
}

function noTicks(arn: string, table: string): UserMistake {
  return new UserMistake(
    `table '${table}' has windows, and its events come from the existing stream ${arn}: nothing there tells the time, because Millrace appends no ticks to a stream that is not its own. Have a source write these events into a stream of a pipeline, and read that one`,
  );
}

interface Writer {
  /** `<pipeline>/<step>`. */
  readonly name: string;
  readonly input: StreamPlan;
}

/** Lists the steps that pass ticks on into a stream: transforms, and tables with a change stream. */
function stepsInto(stream: StreamPlan, pipelines: readonly Pipeline[]): readonly Writer[] {
  return pipelines.flatMap((pipeline) => {
    const writers = [
      ...Object.entries(pipeline.transforms).map(([name, { from, to }]) => ({ name, from, to })),
      ...Object.entries(pipeline.tables).map(([name, step]) => ({ name, from: step.from, to: changesOf(step)?.to })),
    ];
    return writers
      .filter(({ to }) => to !== undefined && sameStream(resolveStream(pipeline, to, pipelines), stream))
      .map(({ name, from }) => ({
        name: `${pipeline.name}/${name}`,
        input: resolveStream(pipeline, from, pipelines),
      }));
  });
}

function hasSource(stream: StreamPlan, pipelines: readonly Pipeline[]): boolean {
  return pipelines.some((pipeline) =>
    Object.values(pipeline.sources).some(({ to }) => sameStream(resolveStream(pipeline, to, pipelines), stream)),
  );
}
