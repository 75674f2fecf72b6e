import { archivePrefixOf } from '../sinks/s3.ts';
import type { Pipeline } from './pipeline.ts';
import { resolveStream, type StreamPlan, sameStream } from './streams.ts';

/** An archive of a stream in the lake: the sink that writes it, and where. */
export interface ArchivePlan {
  /** `<pipeline>/<step>`. */
  readonly step: string;
  readonly prefix: string;
}

/**
 * Finds the sink of any pipeline that keeps the records of a stream, the first by its name. Undefined: there is none.
 */
export function archiveOf(stream: StreamPlan, pipelines: readonly Pipeline[]): ArchivePlan | undefined {
  const archives = pipelines.flatMap((pipeline) =>
    Object.entries(pipeline.sinks).flatMap(([name, { from, write }]): ArchivePlan[] => {
      const prefix = write.connector === 's3' ? archivePrefixOf(write.options) : undefined;
      if (prefix === undefined || !sameStream(resolveStream(pipeline, from, pipelines), stream)) return [];
      return [{ step: `${pipeline.name}/${name}`, prefix }];
    }),
  );
  return archives.toSorted((one, other) => (one.step < other.step ? -1 : 1))[0];
}
