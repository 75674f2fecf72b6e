import { z } from 'zod';
import { icebergSink } from '../../functions/sinks/iceberg/iceberg.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';

export const Item = z.object({ n: z.int32(), note: z.string().optional() });
export type Item = z.infer<typeof Item>;

/** An Iceberg table of one stream. Its files are small, so that a slice makes several. */
export const lake = definePipeline({
  name: 'lake',
  streams: { raw: { schema: Item, shards: 2 } },
  sinks: { table: { from: 'raw', write: icebergSink({ table: 'items', targetRows: 5 }), every: minutes(5) } },
});

export type LakeRun = PipelineRun<typeof lake.streams>;

export const STEP = 'table';

/** What the table's properties are called that belong to the step. */
export const CONTINUE = 'millrace.continue.test.lake.table';
