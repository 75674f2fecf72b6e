import { z } from 'zod';
import type { Entry } from '../bundle.ts';
import { connectors, type SinkName, type SourceName } from '../connectors.ts';
import { inRepository } from '../repository.ts';
import { type ArchivePlan, archiveOf } from './archives.ts';
import { withCopies } from './copies.ts';
import type { InlineStatement } from './inline-sql.ts';
import { checkPrefixes } from './lake-prefixes.ts';
import type { AnySinkStep, AnySourceStep, AnyTableStep, AnyTransformStep, CopyStream, Pipeline } from './pipeline.ts';
import { changesOf, type Duration, type Start } from './steps.ts';
import { type OwnStreamPlan, resolveStream, type StreamPlan, sameStream } from './streams.ts';
import { needsTime, type TimePlan, timePlans } from './time.ts';
import { type Writer, writersOf, writtenBy } from './writers.ts';

/** A pipeline with its references to other pipelines resolved. The CDK app deploys it, and the local runner runs it. */
export interface PipelinePlan {
  readonly name: string;
  /** A stage whose context does not have this database does not get the pipeline. */
  readonly onlyWithDatabase?: string;
  /** The streams that this pipeline creates. */
  readonly streams: readonly OwnStreamPlan[];
  readonly steps: readonly StepPlan[];
  /** Those of `streams` that a scheduled function tells the time. */
  readonly ticked: readonly OwnStreamPlan[];
}

export type StepPlan = SourcePlan | ReaderPlan;

/** A step that reads a stream. */
export type ReaderPlan = TransformPlan | TablePlan | SinkPlan;

interface AnyStepPlan {
  readonly pipeline: string;
  readonly name: string;
  readonly formerly: string | undefined;
  /** The module that exports `handler`. */
  readonly entry: Entry;
  readonly options: unknown;
}

interface AnyReaderPlan extends AnyStepPlan {
  readonly input: InputPlan;
  /** True when the step's code says that it is not deterministic: its output counts at least once, not once. */
  readonly atLeastOnce: boolean;
}

export interface SourcePlan extends AnyStepPlan {
  readonly kind: 'source';
  readonly connector: SourceName;
  readonly delivery: 'request' | 'queue' | 'pulled';
  /** How often a pulled source is read. Undefined: each minute. */
  readonly every: Duration | undefined;
  /** The stream that it writes. Undefined: it has several outputs. */
  readonly output?: StreamPlan;
  /** The stream of each output, of a source that has several. */
  readonly outputs?: Readonly<Record<string, StreamPlan>>;
  /** The names of all pipelines: no event from outside may come under the name of one of their steps. */
  readonly pipelines: readonly string[];
}

export interface TransformPlan extends AnyReaderPlan {
  readonly kind: 'transform';
  readonly delivery: 'continuous';
  /** The SQL of an inline transform; undefined for a transform with a module of its own. */
  readonly sql: InlineStatement | undefined;
  readonly output: StreamPlan;
}

/** A step that keeps a table in the stage's database, with a change stream or without. */
export type TablePlan = PlainTablePlan | PublishingTablePlan;

interface PlainTablePlan extends AnyReaderPlan {
  readonly kind: 'table';
  readonly delivery: 'continuous';
  /** Set for a table with windows. */
  readonly windows?: WindowsPlan;
  /**
   * Set where a sink keeps the records of its input: the table is made again of these where the log has them no more.
   */
  readonly archive?: ArchivePlan;
}

/** What operators have to know of the windows of a table. */
export interface WindowsPlan {
  readonly emit: 'changes' | 'final';
  /** How far behind now the time is by nature when it comes to the table. */
  readonly behindMillis: number;
}

interface PublishingTablePlan extends PlainTablePlan {
  /** The change stream. */
  readonly output: StreamPlan;
}

export interface SinkPlan extends AnyReaderPlan {
  readonly kind: 'sink';
  readonly connector: SinkName;
  readonly delivery: 'continuous' | 'scheduled';
  /** How often a scheduled sink runs. */
  readonly every: Duration | undefined;
}

/** A sink that runs on a schedule. */
export type ScheduledSinkPlan = SinkPlan & { readonly every: Duration };

export interface InputPlan {
  readonly stream: StreamPlan;
  readonly start: Start;
  /**
   * True: the step has its own enhanced fan-out consumer. False: it shares the shards' throughput with other readers.
   */
  readonly fanOut: boolean;
  /** Which ticks the step waits for. Undefined: it skips them. */
  readonly time: TimePlan | undefined;
  /** `/<pipeline>/<step>/` of every step, in any pipeline, that writes to the stream: their events are deduplicated. */
  readonly own: readonly string[];
  /**
   * `<pipeline>/<step>` of every transform and table, in any pipeline, that writes to the stream: the checkpoints of
   * each tell which shards it has drained.
   */
  readonly transforms: readonly string[];
}

/**
 * Plans a pipeline. `declared` are all pipelines, because a pipeline may use a stream of another one, and others may
 * write to its streams.
 */
export function planOf(own: Pipeline, declared: readonly Pipeline[]): PipelinePlan {
  const pipelines = withCopies(declared);
  const pipeline = pipelines.find(({ name }) => name === own.name) ?? own;
  checkPrefixes(pipeline, pipelines);
  const stream = (name: string) => resolveStream(pipeline, name, pipelines);
  const time = timePlans(pipelines);
  const inputOf = (step: AnyTransformStep | AnyTableStep | AnySinkStep): InputPlan => {
    const input = stream(step.from);
    const writers = writersOf(input, pipelines);
    const isTimed =
      ('keep' in step && needsTime(step.keep)) || writtenBy(step).some((to) => time.of(stream(to)) !== undefined);
    return {
      stream: input,
      time: isTimed ? time.of(input) : undefined,
      start: step.start ?? 'earliest',
      fanOut: step.fanOut ?? false,
      own: namesOf(writers).map((writer) => `/${writer}/`),
      transforms: namesOf(writers.filter((writer) => 'from' in writer.step)),
    };
  };
  const windowsOf = ({ from, keep: { windows } }: AnyTableStep): { readonly windows?: WindowsPlan } =>
    windows === undefined ? {} : { windows: { emit: windows.emit, behindMillis: time.behindMillis(stream(from)) } };
  const common = (name: string, formerly: string | undefined) => ({ pipeline: pipeline.name, name, formerly });

  const source = ([name, step]: [string, AnySourceStep]): SourcePlan => ({
    ...common(name, step.formerly),
    kind: 'source',
    connector: step.read.connector,
    delivery: connectors[step.read.connector].delivery,
    entry: inRepository(step.read.entry),
    options: step.read.options,
    every: step.every,
    ...(typeof step.to === 'string'
      ? { output: stream(step.to) }
      : { outputs: Object.fromEntries(Object.entries(step.to).map(([name, to]) => [name, stream(to)])) }),
    pipelines: pipelines.map(({ name: known }) => known).sort(),
  });
  const transform = ([name, step]: [string, AnyTransformStep]): TransformPlan => {
    const { apply, from, to } = step;
    const [input, output] = [inputOf(step), stream(to)];
    const between = {
      from: { name: declaredName(pipeline, from), schema: input.stream.schema },
      to: { name: to, schema: output.schema },
    };
    return {
      ...common(name, step.formerly),
      kind: 'transform',
      delivery: 'continuous',
      options: 'sql' in apply ? undefined : apply.options,
      ...madeOf(apply, { name: `${pipeline.name}/${name}`, ...between }),
      atLeastOnce: !('sql' in apply) && apply.deterministic === false,
      input,
      output,
    };
  };
  const table = ([name, step]: [string, AnyTableStep]): TablePlan => {
    const changes = changesOf(step);
    const input = inputOf(step);
    const archive = archiveOf(input.stream, pipelines);
    const plain: TablePlan = {
      ...common(name, step.formerly),
      kind: 'table',
      delivery: 'continuous',
      entry: inRepository(step.keep.entry),
      options: tableOptions(step),
      atLeastOnce: false,
      input,
      ...windowsOf(step),
      ...(archive === undefined ? {} : { archive }),
    };
    return changes === undefined ? plain : { ...plain, output: stream(changes.to) };
  };
  const sink = ([name, step]: [string, AnySinkStep]): SinkPlan => ({
    ...common(name, step.formerly),
    kind: 'sink',
    connector: step.write.connector,
    delivery: step.every === undefined ? 'continuous' : 'scheduled',
    entry: inRepository(step.write.entry),
    options: step.write.options,
    atLeastOnce: step.write.deterministic === false,
    input: inputOf(step),
    every: step.every,
  });
  const streams = Object.keys(pipeline.streams).flatMap((name) => {
    const resolved = stream(name);
    return resolved.kind === 'own' && resolved.pipeline === pipeline.name ? [resolved] : [];
  });
  const { onlyWithDatabase } = pipeline;
  return {
    name: pipeline.name,
    ...(onlyWithDatabase === undefined ? {} : { onlyWithDatabase }),
    streams,
    ticked: streams.filter(time.isTicked),
    steps: [
      ...Object.entries(pipeline.sources).map(source),
      ...Object.entries(pipeline.transforms).map(transform),
      ...Object.entries(pipeline.tables).map(table),
      ...Object.entries(pipeline.sinks).map(sink),
    ],
  };
}

/** Returns the name of a stream, and of a copy that of the stream that is copied: SQL says FROM that. */
function declaredName({ streams }: Pipeline, name: string): string {
  const { copies } = (streams[name] ?? {}) as Partial<CopyStream>;
  return copies?.stream ?? name;
}

function tableOptions(step: AnyTableStep): unknown {
  const { indexes, keep } = step;
  const changes = changesOf(step);
  if (indexes === undefined && changes === undefined && keep.part === undefined) return undefined;
  return {
    ...(keep.part === undefined ? {} : { part: keep.part }),
    ...(indexes === undefined ? {} : { indexes }),
    ...(changes === undefined ? {} : { changes: { before: changes.before } }),
  };
}

function madeOf(
  apply: AnyTransformStep['apply'],
  statement: Omit<InlineStatement, 'text'>,
): Pick<TransformPlan, 'entry' | 'sql'> {
  if (!('sql' in apply)) return { entry: inRepository(apply.entry), sql: undefined };
  const sql = { ...statement, text: apply.sql };
  // Loads Postgres's parser only when there is something to parse.
  return { sql, entry: { name: sql.name, code: async () => (await import('../sql/inline.ts')).inlineModule(sql) } };
}

/** Returns the schema of the events that a step reads; of a source, of those that it writes into any of its streams. */
export function schemaOf(step: StepPlan): z.ZodType {
  if (step.kind !== 'source') return step.input.stream.schema;
  const [first, ...others] = outputsOf(step).map(({ schema }) => schema);
  if (first === undefined) return z.never();
  return others.length === 0 ? first : z.union([first, ...others]);
}

/** Returns the schemas of a source that writes several streams, by output; nothing of another step. */
export function outputSchemasOf(step: StepPlan): { readonly outputs?: Readonly<Record<string, z.ZodType>> } {
  if (step.kind !== 'source' || step.outputs === undefined) return {};
  return { outputs: Object.fromEntries(Object.entries(step.outputs).map(([name, { schema }]) => [name, schema])) };
}

/** Lists the streams that a step writes to, each once. */
export function outputsOf(step: StepPlan): readonly StreamPlan[] {
  const all = [
    ...('output' in step && step.output !== undefined ? [step.output] : []),
    ...('outputs' in step ? Object.values(step.outputs ?? {}) : []),
  ];
  return all.filter((stream, index) => all.findIndex((one) => sameStream(one, stream)) === index);
}

/** Lists steps as `<pipeline>/<step>`, under their former names too. */
function namesOf(writers: readonly Writer[]): readonly string[] {
  return writers
    .flatMap(({ pipeline, name, step: { formerly } }) =>
      (formerly === undefined ? [name] : [name, formerly]).map((one) => `${pipeline.name}/${one}`),
    )
    .sort();
}
