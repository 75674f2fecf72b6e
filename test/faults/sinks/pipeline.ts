import { z } from 'zod';
import { webhookSink } from '../../../functions/sinks/webhook/webhook.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../../kit/pipeline-run.ts';

export const Item = z.object({ n: z.int32(), key: z.string() });
export type Item = z.infer<typeof Item>;

/** Sinks that are not in the chain, on one stream. */
export const sinks = definePipeline({
  name: 'sinks',
  streams: { raw: { schema: Item, shards: 2 } },
  sinks: { hook: { from: 'raw', write: webhookSink({ url: 'https://example.com/items', concurrency: 3 }) } },
});

export type SinksRun = PipelineRun<typeof sinks.streams>;

export const STEPS = ['hook'] as const;

/** Tells whether the receiver refuses an item. */
export function isRefused({ n }: Item): boolean {
  return n % 11 === 10;
}

/** An item from this number on kills the functions. */
export const DEADLY = 1_000_000;
