import { UserMistake } from '../../functions/runtime/errors.ts';
import { MATCHES } from '../../functions/runtime/join.ts';
import type { StepConfig } from '../../functions/runtime/step-config.ts';
import { heldBackMillis, type Table } from '../../functions/runtime/table.ts';
import type { Pipeline } from './pipeline.ts';
import { type OwnStreamPlan, resolveStream, type StreamPlan, sameStream } from './streams.ts';
import { writersOf } from './writers.ts';

/** Which ticks the readers of a stream wait for. */
export type TimePlan = NonNullable<StepConfig['time']>;

/**
 * Plans how time comes to the tables with windows. A stream that sources write gets a tick each minute, the transforms
 * behind it pass the ticks on, and only streams on the way to such a table have any.
 */
export interface TimePlans {
  /** Returns which ticks the readers of a stream wait for. Undefined: nobody downstream needs the time. */
  of(stream: StreamPlan): TimePlan | undefined;
  /** Returns how far behind the ticks of a stream are by nature: final windows hold them back. In milliseconds. */
  behindMillis(stream: StreamPlan): number;
  /** Tells whether the scheduled function appends ticks to the stream. */
  isTicked(stream: OwnStreamPlan): boolean;
}

export function timePlans(pipelines: readonly Pipeline[]): TimePlans {
  const timed = timedStreams(pipelines);
  const isTimed = (stream: StreamPlan): boolean => timed.some((one) => sameStream(one, stream));
  const planOf = (stream: StreamPlan): TimePlan => {
    const writers = writersOf(stream, pipelines);
    // Transforms, and tables with a change stream, pass ticks on. Sources do not.
    const passing = writers.filter(({ step }) => 'from' in step);
    const steps = passing.map(({ pipeline, name }) => `${pipeline.name}/${name}`).sort();
    const until = stream.backfillUntil;
    return {
      steps,
      scheduled: steps.length === 0 || steps.length < writers.length,
      ...(until === undefined ? {} : { until }),
    };
  };
  return {
    of: (stream) => (isTimed(stream) ? planOf(stream) : undefined),
    behindMillis: (stream) => behindMillis(stream, pipelines),
    isTicked: (stream) => isTimed(stream) && (stream.copyOf !== undefined || planOf(stream).scheduled),
  };
}

/**
 * A table with final windows passes on the time up to which they have closed, and so does an outer join within a time.
 */
function behindMillis(stream: StreamPlan, pipelines: readonly Pipeline[], behind: readonly StreamPlan[] = []): number {
  // Steps may write in a circle.
  if (behind.some((one) => sameStream(one, stream))) return 0;
  const delays = writersOf(stream, pipelines).flatMap(({ pipeline, step }) => {
    if (!('from' in step)) return [];
    const input = resolveStream(pipeline, step.from, pipelines);
    return [('keep' in step ? heldBackMillis(step.keep) : 0) + behindMillis(input, pipelines, [...behind, stream])];
  });
  return Math.max(0, ...delays);
}

/**
 * Lists the streams that a table with windows reads, and those before them. They end with streams that sources write,
 * and with copies of streams that get no ticks (copies.ts). Throws for a join that passes no time on.
 */
function timedStreams(pipelines: readonly Pipeline[]): readonly StreamPlan[] {
  const timed: StreamPlan[] = [];
  const add = (stream: StreamPlan, table: string): void => {
    if (timed.some((one) => sameStream(one, stream))) return;
    timed.push(stream);
    if (stream.kind === 'existing' || stream.copyOf !== undefined) return;
    for (const { pipeline, name, step } of writersOf(stream, pipelines))
      if ('keep' in step && step.keep.part === MATCHES) throw noTimeBehind(`${pipeline.name}/${name}`, table);
      else if ('from' in step) add(resolveStream(pipeline, step.from, pipelines), table);
  };
  for (const pipeline of pipelines)
    for (const [name, { from, keep }] of Object.entries(pipeline.tables))
      if (needsTime(keep)) add(resolveStream(pipeline, from, pipelines), named(keep, `${pipeline.name}/${name}`));
  return timed;
}

/** Two internal streams of such a join make a circle, and each would wait for the time of the other. */
function noTimeBehind(step: string, table: string): UserMistake {
  const join = step.slice(0, -`-${MATCHES}`.length);
  return new UserMistake(
    `${table}, and its events come from the join '${join}' by a foreign key, which passes no time on: count in windows before the join, or join a stream with the table`,
  );
}

/** Tells whether a table waits for times: one with windows, and the join of two streams. */
export function needsTime({ windows, within }: Pick<Table, 'windows' | 'within'>): boolean {
  return windows !== undefined || within !== undefined;
}

const named = ({ within }: Pick<Table, 'within'>, name: string): string =>
  within === undefined ? `table '${name}' has windows` : `join '${name}' is within a time`;
