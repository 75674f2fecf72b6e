import { copyStream } from '../../functions/runtime/copy-handler.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { AnyTableStep, AnyTransformStep, CopyStream, OwnStream, Pipeline, StreamDeclaration } from './pipeline.ts';
import { resolveStream, type StreamPlan, sameStream } from './streams.ts';
import { needsTime } from './time.ts';
import { writersOf } from './writers.ts';

/**
 * Lets tables with windows, and what is before them, read a stream that gets no ticks through a copy: one that exists,
 * or that others read. A transform copies its events into a stream of ours, and a scheduled function appends a tick to
 * the copy whenever the transform has read the first one to its end.
 *
 * A stream `theirs` that is read on the way to such a table has the copy `theirs-timed`, which the transform
 * `theirs-copy` writes. Everybody else reads `theirs` itself. Without such tables, returns the same pipelines.
 */
export function withCopies(pipelines: readonly Pipeline[]): readonly Pipeline[] {
  const known = copied.get(pipelines);
  if (known !== undefined) return known;
  const readers = readersOnTheWay(pipelines);
  const made =
    readers.length === 0 ? pipelines : pipelines.map((pipeline) => withCopiesIn(pipeline, readers, pipelines));
  copied.set(pipelines, made);
  copied.set(made, made);
  return made;
}

/** Plans are made many times of the same pipelines. */
const copied = new WeakMap<readonly Pipeline[], readonly Pipeline[]>();

/** A step that reads a stream without ticks on the way to a table with windows. */
interface Reader {
  readonly pipeline: Pipeline;
  readonly name: string;
  readonly step: AnyTableStep | AnyTransformStep;
}

function readersOnTheWay(pipelines: readonly Pipeline[]): readonly Reader[] {
  const seen: StreamPlan[] = [];
  const readers: Reader[] = [];
  const visit = (reader: Reader): void => {
    const stream = resolveStream(reader.pipeline, reader.step.from, pipelines);
    if (!getsTicks(stream)) {
      if (!readers.some(({ step }) => step === reader.step)) readers.push(reader);
      return;
    }
    if ((stream.kind === 'own' && stream.copyOf !== undefined) || seen.some((one) => sameStream(one, stream))) return;
    seen.push(stream);
    for (const { pipeline, name, step } of writersOf(stream, pipelines))
      if ('from' in step) visit({ pipeline, name, step });
  };
  for (const pipeline of pipelines)
    for (const [name, step] of Object.entries(pipeline.tables))
      if (needsTime(step.keep)) visit({ pipeline, name, step });
  return readers;
}

function withCopiesIn(pipeline: Pipeline, readers: readonly Reader[], pipelines: readonly Pipeline[]): Pipeline {
  const own = readers.filter((reader) => reader.pipeline === pipeline);
  if (own.length === 0) return pipeline;
  const copies = [...Map.groupBy(own, ({ step }) => step.from)].map(([stream, of]) =>
    copyIn(pipeline, stream, { readers: of, pipelines }),
  );
  const moved = <S extends AnyTableStep | AnyTransformStep>(steps: Readonly<Record<string, S>>): Record<string, S> =>
    Object.fromEntries(
      Object.entries(steps).map(([name, step]) => {
        const isReader = own.some((reader) => reader.step === step);
        return [name, isReader ? { ...step, from: timedName(step.from), start: 'earliest' } : step];
      }),
    );
  return {
    ...pipeline,
    streams: { ...pipeline.streams, ...Object.fromEntries(copies.map((copy) => [copy.to, copy.stream])) },
    transforms: {
      ...moved(pipeline.transforms),
      ...Object.fromEntries(copies.map((copy) => [copy.name, copy.step])),
    },
    tables: moved(pipeline.tables),
  };
}

interface Copy {
  readonly to: string;
  readonly stream: CopyStream;
  readonly name: string;
  readonly step: AnyTransformStep;
}

const getsTicks = (stream: StreamPlan): boolean => stream.kind === 'own' && stream.isShared !== true;

const timedName = (stream: string): string => `${stream}-timed`;

/** The copy begins where its readers would, and they read it from its beginning on. */
function copyIn(
  pipeline: Pipeline,
  stream: string,
  of: { readonly readers: readonly Reader[]; readonly pipelines: readonly Pipeline[] },
): Copy {
  const [to, name] = [timedName(stream), `${stream}-copy`];
  refuseBadNames(pipeline, { stream, to, name });
  const [start, ...others] = new Map(
    of.readers.map(({ step }) => [String(step.start ?? 'earliest'), step.start]),
  ).values();
  if (others.length > 0)
    throw new UserMistake(
      `pipeline '${pipeline.name}': ${of.readers.map((one) => `'${one.name}'`).join(' and ')} read the stream '${stream}' through one copy, because windows need the time, and start at different times: give them one start`,
    );
  const original = resolveStream(pipeline, stream, of.pipelines);
  const { copy = {} } = declarationOf(pipeline, stream, of.pipelines);
  const [key] = original.keys;
  const width = original.kind === 'own' ? original.shards : 1;
  const { shards = width, retentionDays = (original.retentionHours ?? 24) / 24 } = copy;
  const isOnDemand = copy.capacity !== undefined || shards === 'on-demand';
  return {
    to,
    stream: {
      schema: original.schema,
      compression: 'zstd',
      retentionDays,
      ...(isOnDemand ? { capacity: 'on-demand' } : { shards }),
      ...(key === undefined ? {} : { key: key as never }),
      ...(original.backfillUntil === undefined ? {} : { backfillUntil: new Date(original.backfillUntil) }),
      copies: { stream, step: name },
    },
    name,
    step: { from: stream, apply: copyStream as never, to, ...(start === undefined ? {} : { start }) },
  };
}

/** Finds the declaration of a stream, in this pipeline or in the one that it is borrowed from. */
function declarationOf(pipeline: Pipeline, name: string, pipelines: readonly Pipeline[]): Pick<OwnStream, 'copy'> {
  const declaration: StreamDeclaration | undefined = pipeline.streams[name];
  const of = declaration !== undefined && 'of' in declaration ? declaration.of : undefined;
  const owner = pipelines.find((one) => one.name === of?.pipeline);
  return of === undefined || owner === undefined
    ? (declaration as Pick<OwnStream, 'copy'>)
    : declarationOf(owner, of.stream, pipelines);
}

/** AWS allows the names of streams and steps 30 characters here, and no name twice. */
function refuseBadNames(
  { name: pipeline, streams, sources, transforms, tables, sinks }: Pipeline,
  { stream, to, name }: { readonly stream: string; readonly to: string; readonly name: string },
): void {
  const taken = [streams, sources, transforms, tables, sinks]
    .flatMap(Object.keys)
    .find((one) => one === to || one === name);
  if (taken !== undefined)
    throw new UserMistake(
      `pipeline '${pipeline}': tables with windows read the stream '${stream}' through a copy, and '${taken}' exists already: rename that, or the stream`,
    );
  if (to.length > 30)
    throw new UserMistake(
      `pipeline '${pipeline}': tables with windows read the stream '${stream}' through a copy '${to}', and a name has at most 30 characters: give the stream a shorter name`,
    );
}
