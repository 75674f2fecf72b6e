import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { Sink } from '../../../functions/runtime/sink.ts';
import type { Source } from '../../../functions/runtime/source.ts';
import type { Transform } from '../../../functions/runtime/transform.ts';
import { definePipeline, minutes, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { REPOSITORY } from '../../../infra/repository.ts';

/** Two pipelines that use every kind of step, without the connectors' own code: what matters here is where it runs. */
export const ENTRY = 'test/infra/pipelines/example-step.ts';
const entry = pathToFileURL(`${REPOSITORY}/${ENTRY}`).href;

export const Line = z.object({ id: z.string(), total: z.number() });
export const Order = z.object({ id: z.string(), total: z.number(), state: z.enum(['open', 'paid']) });

export const orderOfLine: Transform<z.input<typeof Line>, z.input<typeof Order>> = {
  entry,
  from: Line,
  to: Order,
  run: () => [],
};

export function pushed<D = z.input<typeof Line>>(options: unknown = {}): Source<D> & { readonly connector: 'http' } {
  return { connector: 'http', entry, options };
}

export function files<D = z.input<typeof Line>>(options: unknown = {}): Source<D> & { readonly connector: 's3-files' } {
  return { connector: 's3-files', entry, options };
}

export function lake(
  options: unknown = { prefix: 'orders' },
): Sink<unknown, 'scheduled'> & { readonly connector: 's3' } {
  return { connector: 's3', entry, options, delivery: 'scheduled' };
}

export function table<const K extends string>(options: {
  readonly table: string;
  readonly key: readonly K[];
}): Sink<Record<K, unknown>, 'either'> & { readonly connector: 'postgres' } {
  return { connector: 'postgres', entry, options, delivery: 'either' };
}

export const shop = definePipeline({
  name: 'shop',
  streams: {
    lines: { schema: Line, retentionDays: 7 },
    orders: { schema: Order, shards: 3, compression: 'zstd' },
  },
  sources: {
    till: { read: pushed(), to: 'lines' },
    uploads: { read: files({ prefix: 'shop/' }), to: 'lines' },
  },
  transforms: { ordering: { from: 'lines', apply: orderOfLine, to: 'orders', formerly: 'sorting' } },
  sinks: {
    lake: { from: 'orders', write: lake(), every: minutes(5), start: new Date('2026-01-01T00:00:00Z') },
    order_table: { from: 'orders', write: table({ table: 'orders', key: ['id'] }), start: 'latest' },
  },
});

export const FOREIGN_STREAM = 'arn:aws:kinesis:eu-west-1:123456789012:stream/theirs';

export const audit = definePipeline({
  name: 'audit',
  streams: {
    orders: streamOf(shop, 'orders'),
    foreign: { schema: Line, existing: FOREIGN_STREAM },
    kept: { schema: Order, capacity: 'on-demand' },
  },
  sources: { partners: { read: pushed<z.input<typeof Line>>({ callers: 'bearer' }), to: 'foreign' } },
  transforms: {
    corrections: { from: 'foreign', apply: orderOfLine, to: 'orders' },
    keeping: { from: 'foreign', apply: orderOfLine, to: 'kept', start: new Date('2026-01-01T00:00:00Z') },
  },
  sinks: { audit_table: { from: 'orders', write: table({ table: 'audit', key: ['id'] }), every: minutes(1) } },
});

export const pipelines = [shop, audit];
