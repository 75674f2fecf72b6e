import { z } from 'zod';
import { dynamoDbSink } from '../../../functions/sinks/dynamodb/dynamodb.ts';
import { webhookSink } from '../../../functions/sinks/webhook/webhook.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../../kit/pipeline-run.ts';

/** `id` is another name of the key, which the table refuses where it differs. */
export const Item = z.object({ n: z.int32(), key: z.string(), deleted: z.boolean(), id: z.string().optional() });
export type Item = z.infer<typeof Item>;

/** Sinks that are not in the chain, on one stream. */
export const sinks = definePipeline({
  name: 'sinks',
  streams: { raw: { schema: Item, shards: 2 } },
  sinks: {
    hook: { from: 'raw', write: webhookSink({ url: 'https://example.com/items', concurrency: 3 }) },
    kept: { from: 'raw', write: dynamoDbSink({ table: 'kept' }) },
  },
});

export type SinksRun = PipelineRun<typeof sinks.streams>;

export const STEPS = ['hook', 'kept'] as const;

/** Tells whether the receiver of the webhook refuses an item. */
export function isRefused({ n }: Item): boolean {
  return n % 11 === 10;
}

/** An item from this number on kills the functions. */
export const DEADLY = 1_000_000;
