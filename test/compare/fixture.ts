import { z } from 'zod';
import { dynamoDbSink } from '../../functions/sinks/dynamodb/dynamodb.ts';
import { icebergSink } from '../../functions/sinks/iceberg/iceberg.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { httpSource } from '../../functions/sources/http/http.ts';
import type { Local } from '../../infra/local/start.ts';
import { compareSinks } from '../../infra/operation/compare/compare.ts';
import type { Comparison } from '../../infra/operation/compare/comparison.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';

export const Order = z.object({
  order_id: z.int(),
  status: z.string(),
  total: z.number(),
  paid_at: z.iso.datetime({ offset: true }).nullish(),
  item: z.object({ sku: z.string(), weight: z.number().optional(), sent_at: z.iso.datetime().optional() }).optional(),
  tags: z.array(z.string()).optional(),
  more: z.unknown().optional(),
});

/** One stream, and sinks of each kind that can be read back. */
export const side = definePipeline({
  name: 'side',
  streams: { orders: { schema: Order, shards: 2 } },
  sources: { shop: { read: httpSource({ schema: Order, type: 'order.inserted', key: 'order_id' }), to: 'orders' } },
  sinks: {
    latest: { from: 'orders', write: postgresSink({ table: 'latest', key: ['order_id'], create: true }) },
    own: { from: 'orders', write: postgresSink({ table: 'own', key: ['order_id'] }) },
    copy: { from: 'orders', write: postgresSink({ table: 'copy', key: ['order_id'], create: true, mode: 'mirror' }) },
    all: { from: 'orders', write: postgresSink({ table: 'all', create: true }) },
    lines: { from: 'orders', write: s3Sink({ prefix: 'lines' }), every: minutes(30) },
    parquet: { from: 'orders', write: s3Sink({ prefix: 'parquet', format: 'parquet' }), every: minutes(30) },
    rows: { from: 'orders', write: icebergSink({ table: 'orders', by: 'day', targetRows: 5 }), every: minutes(30) },
    items: { from: 'orders', write: dynamoDbSink({ table: 'items' }) },
    events: { from: 'orders', write: dynamoDbSink({ table: 'events', item: 'event' }) },
  },
});

/** Compares two sinks as the command does. */
export async function compared(
  local: Local,
  names: readonly [string, string],
  more: { readonly limit?: number; readonly signal?: AbortSignal } = {},
): Promise<Comparison> {
  const stepOf = (name: string) => local.runner.steps.find((step) => step.name === name)!;
  const { limit = 20, signal = new AbortController().signal } = more;
  const pair = { a: stepOf(names[0]), b: stepOf(names[1]) };
  return compareSinks(pair, { target: local.stage, limit, searches: true, onProgress: () => {}, signal });
}

/** Sends an event of an order. */
export async function send(local: Local, type: string, data: z.input<typeof Order>): Promise<string> {
  const id = crypto.randomUUID();
  const event = { specversion: '1.0', id, source: '/test', type, partitionkey: String(data.order_id), data };
  const response = await fetch([...local.runner.urls.values()][0] ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(event),
  });
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  return id;
}
