import type { z } from 'zod';
import { RowEvent, SideEvent } from '../../functions/runtime/join.ts';
import type { InlineSql } from '../pipelines/inline-sql.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';

/** A stream whose versions are locked. */
export interface DeclaredStream {
  /** `<pipeline>/<stream>`. */
  readonly name: string;
  readonly schema: z.ZodType;
}

/** A step that checks what it reads: a transform, a table or a join. */
export interface Reader {
  /** `<pipeline>/<step>`. */
  readonly step: string;
  /** The stream that it reads, `<pipeline>/<stream>`. */
  readonly stream: string;
  readonly schema: z.ZodType;
  /** The fields that it looks at. Undefined: all. */
  readonly reads: readonly string[] | undefined;
}

/** Lists the streams that pipelines declare, except those of other pipelines and those that only joins write. */
export function streamsOf(pipelines: readonly Pipeline[]): readonly DeclaredStream[] {
  return pipelines.flatMap((pipeline) =>
    Object.entries(pipeline.streams).flatMap(([name, stream]) =>
      'of' in stream || INTERNAL.has(stream.schema)
        ? []
        : [{ name: `${pipeline.name}/${name}`, schema: stream.schema }],
    ),
  );
}

/** The schemas of the streams that the planner adds for joins: the same for ever. */
const INTERNAL: ReadonlySet<z.ZodType> = new Set([SideEvent, RowEvent]);

/** Lists the steps that check what they read, in the order of the pipelines. */
export function readersOf(pipelines: readonly Pipeline[]): readonly Reader[] {
  return pipelines.flatMap((pipeline) => [
    ...Object.entries(pipeline.transforms).map(([name, { from, apply }]) => ({
      step: `${pipeline.name}/${name}`,
      stream: streamName(pipeline, from),
      ...(isInline(apply) ? inline(pipeline, from) : { schema: apply.from, reads: apply.reads }),
    })),
    ...Object.entries(pipeline.tables).map(([name, { from, keep }]) => ({
      step: `${pipeline.name}/${name}`,
      stream: streamName(pipeline, from),
      schema: keep.from,
      reads: keep.reads,
    })),
  ]);
}

/** Returns `<pipeline>/<stream>` of the pipeline that declares the schema of a stream. */
export function streamName(pipeline: Pipeline, name: string): string {
  const stream = pipeline.streams[name];
  return stream !== undefined && 'of' in stream
    ? `${stream.of.pipeline}/${stream.of.stream}`
    : `${pipeline.name}/${name}`;
}

function isInline(apply: object): apply is InlineSql {
  return 'sql' in apply;
}

/** A statement in the pipeline is checked against the schema of its stream. */
function inline({ streams }: Pipeline, from: string): Pick<Reader, 'schema' | 'reads'> {
  const stream = streams[from];
  if (stream === undefined) throw new Error(`the pipeline has no stream '${from}'`);
  return { schema: stream.schema, reads: undefined };
}
