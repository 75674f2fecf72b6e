import { generatorDefinition, generatorSource } from '../../../functions/sources/generator/generator.ts';
import { eventMaker } from '../../../functions/sources/generator/make-event.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../../kit/pipeline-run.ts';
import { added, Change, sums, Value } from '../../pipelines/rebuild-schedule.ts';

const COUNT = 60;

const read = generatorSource({
  schema: Value,
  type: 'value.made',
  key: 'id',
  perSecond: 1,
  count: COUNT,
  values: { id: ['k0', 'k1', 'k2'], n: [1, 2, 3] },
});

/** A pulled source, and a table whose code changes so that it is made again, with a table of its changes. */
export const remade = definePipeline({
  name: 'remade',
  streams: { raw: { schema: Value, shards: 2 }, changes: { schema: Change } },
  sources: { numbers: { read, to: 'raw' } },
  tables: {
    sums: { from: 'raw', keep: sums, changes: { to: 'changes', before: true } },
    added: { from: 'changes', keep: added },
  },
});

export type RemadeRun = PipelineRun<typeof remade.streams>;

export interface Numbered {
  readonly id: string;
  readonly n: number;
}

/** Returns what the source makes, whatever happens to it. */
export function madeValues(): readonly Numbered[] {
  const make = eventMaker(generatorDefinition.options.parse(read.options) as never);
  return Array.from({ length: COUNT }, (_, number) =>
    JSON.parse(Buffer.from(make(number, new Date(0)).dataBytes).toString()),
  );
}
