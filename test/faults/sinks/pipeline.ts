import { z } from 'zod';
import { dynamoDbSink } from '../../../functions/sinks/dynamodb/dynamodb.ts';
import { openSearchSink } from '../../../functions/sinks/opensearch/opensearch.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { webhookSink } from '../../../functions/sinks/webhook/webhook.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../../kit/pipeline-run.ts';

/** `id` is another name of the key, which the table refuses where it differs. */
export const Item = z.object({
  n: z.int32(),
  key: z.string(),
  deleted: z.boolean(),
  id: z.string().optional(),
  size: z.number().optional(),
});
/** A producer of another team sends texts as sizes, too: no column and no field of an index holds them. */
export type Item = Omit<z.infer<typeof Item>, 'size'> & { readonly size?: number | 'large' };

/** Sinks that are not in the chain, on one stream. */
export const sinks = definePipeline({
  name: 'sinks',
  streams: { raw: { schema: Item, shards: 2 } },
  sinks: {
    hook: { from: 'raw', write: webhookSink({ url: 'https://example.com/items', concurrency: 3 }) },
    kept: { from: 'raw', write: dynamoDbSink({ table: 'kept' }) },
    found: { from: 'raw', write: openSearchSink({ endpoint: 'https://search.example.com', index: 'found' }) },
    lake: {
      from: 'raw',
      write: s3Sink({ prefix: 'items', format: 'parquet', by: 'month', targetRows: 2, compact: minutes(2) }),
      every: minutes(3),
    },
  },
});

export type SinksRun = PipelineRun<typeof sinks.streams>;

/** The continuous ones, whose functions some items kill. */
export const STEPS = ['hook', 'kept', 'found'] as const;

/** Those that write by version: they can be moved back, and the last item of each key wins. */
export const BY_VERSION = ['kept', 'found'] as const;

/** Tells whether the receiver of the webhook refuses an item. */
export function isRefused({ n }: Item): boolean {
  return n % 11 === 10;
}

/** Tells whether an item has a size that no column holds. */
export function isLarge({ size }: Item): boolean {
  return size === 'large';
}

/** An item from this number on kills the functions. */
export const DEADLY = 1_000_000;
