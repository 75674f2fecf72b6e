import { z } from 'zod';
import { EventRejected } from '../../../functions/runtime/errors.ts';
import { defineTable } from '../../../functions/runtime/table.ts';
import { defineTransform } from '../../../functions/runtime/transform.ts';
import { tumbling } from '../../../functions/runtime/windows.ts';
import { httpSource } from '../../../functions/sources/http/http.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import type { PipelineRun } from '../../kit/pipeline-run.ts';
import { Card, Customer, Enriched, joinOf, Order, Score, tableJoinOf } from '../../pipelines/join-fixture.ts';

/** Tells whether the transform rejects an order, which then reaches neither the windows nor the join. */
export function isRefused({ order_id }: Order): boolean {
  return order_id % 13 === 12;
}

const checking = defineTransform({
  entry: import.meta.url,
  from: Order,
  to: Order,
  apply: (event) => {
    if (isRefused(event.data)) throw new EventRejected('transform', `${event.data.order_id} is refused`);
    return [event];
  },
});

export const SIZE_MILLIS = minutes(5);
export const GRACE_MILLIS = minutes(1);

const Counted = z.object({ customer_id: z.string().nullable(), orders: z.array(z.int32()) });

const windows = defineTable({
  entry: import.meta.url,
  from: Order,
  row: Counted,
  key: ['customer_id'],
  window: tumbling({ size: SIZE_MILLIS, grace: GRACE_MILLIS, emit: 'final' }),
  reduce: (row, { data: { customer_id, order_id } }) => ({ customer_id, orders: [...(row?.orders ?? []), order_id] }),
});

const named = await joinOf(
  'SELECT o.order_id, c.segment, 100 / o.sales AS sales FROM orders o LEFT JOIN customers c USING (customer_id)',
);
const cards = await tableJoinOf(
  `CREATE TABLE cards AS SELECT coalesce(c.customer_id, s.id) AS id, c.segment, s.points
   FROM customers c FULL JOIN scores s ON s.id = c.customer_id`,
);

/** Orders in windows and with their customers, and the customers with their scores. */
export const joined = definePipeline({
  name: 'joined',
  streams: {
    raw: { schema: Order, shards: 2 },
    clean: { schema: Order, shards: 2 },
    people: { schema: Customer },
    points: { schema: Score },
    closed: { schema: z.unknown(), shards: 2 },
    named: { schema: Enriched, shards: 2 },
    card_changes: { schema: Card },
  },
  sources: { posts: { read: httpSource({ schema: Order, type: 'order.placed', key: 'customer_id' }), to: 'raw' } },
  transforms: { checking: { from: 'raw', apply: checking, to: 'clean' } },
  tables: { windows: { from: 'clean', keep: windows, changes: { to: 'closed', before: true } } },
  joins: {
    named: { from: { orders: 'clean', customers: 'people' }, apply: named, to: 'named' },
    cards: { from: { customers: 'people', scores: 'points' }, apply: cards, to: 'card_changes' },
  },
});

/** The streams that the planner adds are among them. */
export type JoinedStream = keyof typeof joined.streams | 'named-by-key' | 'cards-by-key';
export type JoinedRun = PipelineRun<typeof joined.streams>;
